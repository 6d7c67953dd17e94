// `npm run archiver -- erase <user_id>`: takes everything that a person wrote away, and says what is left to be done.
import { parseArgs } from "node:util";
import * as v from "valibot";
import { PersonId } from "../../protocol/users.ts";
import { type Command, type CommandTools, UsageError } from "../commands.ts";
import { HttpEdge } from "../edge.ts";
import { Absent } from "../asking.ts";
import { PeopleEdge } from "../people-edge.ts";
import { eraseContent, type EraseTools, holdsOn, isNothing, scrubObjects, type Tally, untilTold } from "./run.ts";

/** Something is still to be gone: run it again. */
const EXIT_LEFT = 3;
const EXIT_HELD = 4;

const OPTIONS = { "dry-run": { type: "boolean" }, "keep-freed-bytes": { type: "boolean" }, "drop-unreadable": { type: "boolean" } } as const;

function parse(args: readonly string[]): { user_id: string; flags: { [name in keyof typeof OPTIONS]?: boolean } } {
  try {
    const { values, positionals: [user_id, ...more] } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (user_id === undefined || more.length > 0 || !v.is(PersonId, user_id)) throw new UsageError("erase takes one user's id");
    return { user_id, flags: values };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The clock of an event that was sent in this millisecond, at the latest. */
function clockAt(ms: number): number {
  return ms * 1_000 + 999;
}

/** Something of theirs is held: nothing was done. */
export class Held extends Error {}

export interface Erasure {
  found: Tally;
  left: Tally & { untold: number };
}

export async function erase(tools: Omit<EraseTools, "until">): Promise<Erasure> {
  const { edge, user_id, store, dryRun } = tools;
  // Who is not there is told so before anything is looked for.
  await edge.user(user_id);
  const holds = await holdsOn(tools);
  if (holds.length > 0) throw new Held(holds.map(({ kind, id, reason }) => `${kind} ${id} is held${reason === null ? "" : ` (${reason})`}`).join("; "));
  const { at, uploads } = await edge.eraseUser(user_id, dryRun);
  const whole: EraseTools = { ...tools, until: clockAt(at) };
  // Archivers that write from now on leave it out; what they wrote before is found.
  if (!dryRun) await store.recordErased(user_id, whole.until);
  const found = { ...(await eraseContent(whole)), uploads };
  if (dryRun) return { found, left: { ...found, untold: 0 } };
  const untold = await untilTold(whole);
  if (tools.scrubs) await scrubObjects(whole, found);
  const left = await eraseContent({ ...whole, dryRun: true });
  return { found, left: { ...left, uploads: (await edge.eraseUser(user_id, true)).uploads, untold } };
}

async function run(args: readonly string[], { config, store, bucket, now, signal, print }: CommandTools): Promise<number> {
  const { user_id, flags } = parse(args);
  const edge = new PeopleEdge(new HttpEdge(config.edgeUrl, config.secret), signal);
  const dryRun = flags["dry-run"] ?? false;
  try {
    const { found, left } = await erase({
      edge, store, bucket, user_id, dryRun, now, signal, retentionS: config.retentionS, checkpoint: () => signal.throwIfAborted(),
      scrubs: !(flags["keep-freed-bytes"] ?? false), dropUnreadable: flags["drop-unreadable"] ?? false,
    });
    if (dryRun) {
      print(JSON.stringify({ user_id, dry_run: true, found }));
      return 0;
    }
    const done = isNothing(left) && left.untold === 0;
    print(JSON.stringify({ user_id, erased: found, ...(done ? { nothing_left: true } : { left }) }));
    return done ? 0 : EXIT_LEFT;
  } catch (error) {
    if (error instanceof Held) {
      process.stderr.write(`archiver: ${user_id} is not erased: ${error.message}; release it first\n`);
      return EXIT_HELD;
    }
    if (!(error instanceof Absent)) throw error;
    process.stderr.write(`archiver: nobody has registered the user ${user_id}\n`);
    return 1;
  }
}

export const command: Command = { usage: "erase <user_id> [--dry-run] [--keep-freed-bytes] [--drop-unreadable]", run };
