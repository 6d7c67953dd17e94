// `hold`, `release` and `holds`: what must be kept whatever its retention.
import { errorFields, log } from "../../log/log.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { AckRefused, EdgeUnavailable, HttpEdge } from "../edge.ts";
import { hold, release } from "../holding.ts";
import { holdFiles } from "../holding-media.ts";
import { MediaEdge } from "../media-edge.ts";
import { PeopleEdge } from "../people-edge.ts";
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
    else if (error instanceof EdgeUnavailable || error instanceof AckRefused) log("error", "edge_unavailable", { ...errorFields(error), message: "The rows are done, not all files are: the same command goes on." });
    else throw error;
    return 1;
  }
}

/** To the files of messages, which the edge holds; `count` is of what it said. */
function newFiles(kind: HoldKind, id: string, tools: CommandTools): { files: (held: boolean) => Promise<void>; count: () => string } {
  const edge = new HttpEdge(tools.config.edgeUrl, tools.config.secret);
  let count = 0;
  let told = tools.now();
  const files = async (held: boolean) => {
    count = await holdFiles(kind, id, held, {
      store: tools.store, media: new MediaEdge(edge, tools.signal), people: new PeopleEdge(edge, tools.signal),
      progress(conversation_id, done) {
        if (tools.signal.aborted) throw new Stopped();
        if (tools.now() - told < PROGRESS_MS) return;
        told = tools.now();
        log("info", "hold_progress", { kind, id, files: done, conversation_id });
      },
    });
  };
  return { files, count: () => (count === 0 ? "" : `, ${count} files`) };
}

export const holdCommand: Command = {
  usage: "hold conversation|user <id> [--reason <text>]",
  async run(args, tools) {
    const { kind, id, reason } = parse(args, true);
    return untilStopped(async () => {
      const { files, count } = newFiles(kind, id, tools);
      const rows = await hold(kind, id, reason, { store: tools.store, now: tools.now, files, progress: newProgress(tools) });
      tools.print(`${kind} ${id} is held; ${rows} rows changed${count()}`);
      return 0;
    });
  },
};

export const releaseCommand: Command = {
  usage: "release conversation|user <id>",
  async run(args, tools) {
    const { kind, id } = parse(args, false);
    return untilStopped(async () => {
      const { files, count } = newFiles(kind, id, tools);
      const rows = await release(kind, id, { store: tools.store, now: tools.now, files, progress: newProgress(tools) });
      tools.print(rows === null ? `${kind} ${id} was not held` : `${kind} ${id} is released; ${rows} rows changed${count()}`);
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
