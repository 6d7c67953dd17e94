// `hold`, `release` and `holds`: what must be kept whatever its retention.
import { errorFields, log } from "../../log/log.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { hold, release } from "../holding.ts";
import type { Hold, HoldKind } from "../stores/holds.ts";
import { StoreUnavailable } from "../stores/store.ts";

const PROGRESS_MS = 5_000;

/** Stopped by its signal: what is done is noted, and goes on with the next call. */
class Stopped extends Error {}

function parse(args: readonly string[], withReason: boolean): { kind: HoldKind; id: string; reason: string | null } {
  const [kind, id, ...rest] = args;
  if (kind !== "conversation" && kind !== "user") throw new UsageError("say conversation or user");
  if (id === undefined || id === "" || id.startsWith("--")) throw new UsageError(`which ${kind}?`);
  if (rest.length === 0) return { kind, id, reason: null };
  const [option, reason] = rest;
  if (!withReason || option !== "--reason" || reason === undefined || rest.length !== 2) throw new UsageError(`${rest.join(" ")} is not understood`);
  return { kind, id, reason };
}

function newProgress({ signal, now }: CommandTools): (hold: Pick<Hold, "kind" | "id" | "state" | "rows" | "place">) => void {
  let told = now();
  return ({ kind, id, state, rows, place }) => {
    if (signal.aborted) throw new Stopped();
    if (now() - told < PROGRESS_MS) return;
    told = now();
    log("info", "hold_progress", { kind, id, state, rows, ...place });
  };
}

async function untilStopped(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Stopped) log("warn", "hold_stopped", { message: "Not all rows are done: the same command goes on." });
    else if (error instanceof StoreUnavailable) log("error", "store_unavailable", { ...errorFields(error), message: "Not all rows are done: the same command goes on." });
    else throw error;
    return 1;
  }
}

export const holdCommand: Command = {
  usage: "hold conversation|user <id> [--reason <text>]",
  async run(args, tools) {
    const { kind, id, reason } = parse(args, true);
    return untilStopped(async () => {
      const rows = await hold(kind, id, reason, { store: tools.store, now: tools.now, progress: newProgress(tools) });
      tools.print(`${kind} ${id} is held; ${rows} rows changed`);
      return 0;
    });
  },
};

export const releaseCommand: Command = {
  usage: "release conversation|user <id>",
  async run(args, tools) {
    const { kind, id } = parse(args, false);
    return untilStopped(async () => {
      const rows = await release(kind, id, { store: tools.store, now: tools.now, progress: newProgress(tools) });
      tools.print(rows === null ? `${kind} ${id} was not held` : `${kind} ${id} is released; ${rows} rows changed`);
      return rows === null ? 1 : 0;
    });
  },
};

export const holdsCommand: Command = {
  usage: "holds",
  async run(args, { store, print }) {
    if (args.length > 0) throw new UsageError(`${args.join(" ")} is not understood`);
    for (const { kind, id, state, rows, created_at, reason } of await store.holds()) {
      print(JSON.stringify({ kind, id, state, rows, since: new Date(created_at).toISOString(), reason }));
    }
    return 0;
  },
};
