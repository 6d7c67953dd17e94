// `restore`: rebuilds a conversation whose storage is lost or was rolled back. One JSON line says what came of it.
import { parseArgs } from "node:util";
import * as v from "valibot";
import { ConversationId, UserId } from "../../protocol/ids.ts";
import { type Command, UsageError } from "../commands.ts";
import { AckRefused, EdgeUnavailable } from "../edge.ts";
import { BucketUnavailable } from "../s3.ts";
import { StoreRefused, StoreUnavailable } from "../stores/store.ts";
import { WrongSegment } from "../checked-segment.ts";
import { DamagedArchive } from "./read.ts";
import { restoreConversation, type RestoreOptions, RestoreRefused } from "./restore.ts";

/** Thrown at a checkpoint once the command is to stop: what was done is gone on with by the next one. */
class Stopped extends Error {}

const FAILURES = [RestoreRefused, DamagedArchive, WrongSegment, AckRefused, EdgeUnavailable, BucketUnavailable, StoreUnavailable, StoreRefused, Stopped] as const;

const OPTIONS = { force: { type: "boolean" }, "accept-loss": { type: "boolean" }, members: { type: "string" }, "up-to": { type: "string" } } as const;
const UpTo = v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number), v.safeInteger());

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function readRestore(args: readonly string[]): RestoreOptions & { id: string } {
  const { values, positionals: [id, ...more] } = parse(args);
  const members = v.safeParse(v.optional(v.tuple([UserId, UserId])), values.members?.split(","));
  if (!members.success) throw new UsageError("--members takes both users: ann,bob");
  const upTo = v.safeParse(v.optional(UpTo), values["up-to"]);
  if (!upTo.success) throw new UsageError("--up-to takes a seq");
  if (id === undefined || more.length > 0 || !v.is(ConversationId, id)) throw new UsageError("name one conversation by its id");
  return { id, members: members.output ?? null, force: values.force === true, upTo: upTo.output ?? null, acceptLoss: values["accept-loss"] === true };
}

export const RESTORE: Command = {
  usage: "restore <conversation_id> [--force] [--members <user>,<user>] [--up-to <seq>] [--accept-loss]",
  async run(args, { store, bucket, edge, config, now, signal, print }) {
    const { id, ...options } = readRestore(args);
    const checkpoint = () => {
      if (signal.aborted) throw new Stopped("stopped; the same command goes on");
    };
    try {
      const report = await restoreConversation(id, options, { store, bucket, edge, retentionS: config.retentionS, now, checkpoint });
      print(JSON.stringify({ conversation_id: id, result: "restored", ...report }));
      return 0;
    } catch (error) {
      if (!FAILURES.some((type) => error instanceof type)) throw error;
      print(JSON.stringify({ conversation_id: id, result: "not_restored", because: (error as Error).message }));
      return 1;
    }
  },
};
