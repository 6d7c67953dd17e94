// `restore`: rebuilds a conversation whose storage is lost or was rolled back. One JSON line says what came of it.
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

export function readRestore(args: readonly string[]): RestoreOptions & { id: string } {
  const words = [...args];
  let members: [string, string] | null = null;
  const at = words.indexOf("--members");
  if (at !== -1) {
    const parsed = v.safeParse(v.tuple([UserId, UserId]), (words[at + 1] ?? "").split(","));
    if (!parsed.success) throw new UsageError("--members takes both users: ann,bob");
    members = parsed.output;
    words.splice(at, 2);
  }
  const strange = words.find((word) => word.startsWith("-") && word !== "--force");
  if (strange !== undefined) throw new UsageError(`there is no ${strange}`);
  const [id, ...more] = words.filter((word) => !word.startsWith("-"));
  if (id === undefined || more.length > 0 || !v.is(ConversationId, id)) throw new UsageError("name one conversation by its id");
  return { id, members, force: words.includes("--force") };
}

export const RESTORE: Command = {
  usage: "restore <conversation_id> [--force] [--members <user>,<user>]",
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
