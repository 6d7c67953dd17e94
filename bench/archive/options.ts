// The command line of the archive's bench.
import path from "node:path";
import { parseArgs } from "node:util";

export interface Options {
  messages: number;
  /** Scaling parameters of the compaction of messages in place of the migrations' own; null: those. */
  compaction: string | null;
  /** Archived before anything is measured, by a process of its own: a node compiles its code for most of a minute. */
  warmUp: number;
  conversations: number;
  /** Events of a segment. */
  segment: number;
  /** Archiver processes at once. */
  archivers: number;
  /** Pages of 50 that are read one after the other. */
  pages: number;
  /** A running node, `host:port`; null: one is started. Its keyspace is dropped at the end. */
  cassandra: { host: string; port: number } | null;
  /** A running S3 server, its keys in S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY; null: one is started. */
  s3: string | null;
  /** Waits, before it measures, until no more processes than this want to run; null: for nothing. */
  quiet: number | null;
  /** Where the figures go as JSON. */
  json: string | null;
  /** Where the archivers write a CPU profile each. */
  profile: string | null;
}

export class UsageError extends Error {}

export const USAGE = `npm run bench:archive -- [--messages N] [--warm-up N] [--conversations N] [--segment N] [--compaction T4] [--archivers N] [--pages N] [--json FILE] [--profile FOLDER]
  --messages       of the backlog, with bodies of 200 bytes, default 1000000
  --warm-up        messages that are archived before, and not measured, default 400000; 0 for none
  --conversations  that they are spread over, default 100
  --segment        events of a segment, default 256
  --compaction     scaling parameters of the unified compaction, such as T4, which is recommended for a first filling; default as migrated
  --archivers      processes at once, default 1
  --pages          pages of 50 that are read when all is archived, default 2000
  --cassandra      host:port of a running node in place of one of its own
  --s3             URL of a running S3 server in place of one of its own
  --quiet          waits for at most half an hour, before it measures, until on average no more processes than this want to run
  --json           also writes the figures there
  --profile        archivers write their CPU profiles into this folder`;

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1 && value <= 10_000_000)) throw new UsageError(`--${name} must be a whole number from 1 to 10000000`);
  return value;
}

function readNode(text: string): { host: string; port: number } {
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined) throw new UsageError("--cassandra must be host:port");
  return { host, port: Number(port) };
}

function readCompaction(text: string | undefined): string | null {
  if (text !== undefined && !/^[TL]\d{1,2}(, ?[TL]\d{1,2})*$/.test(text)) throw new UsageError("--compaction must be like T4");
  return text ?? null;
}

/** Throws UsageError. */
export function readOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: { messages: text, "warm-up": text, compaction: text, conversations: text, segment: text, archivers: text, pages: text, cassandra: text, s3: text, quiet: text, json: text, profile: text },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const number = (name: "messages" | "conversations" | "segment" | "archivers" | "pages" | "quiet", usual: number) => readNumber(name, values[name] ?? String(usual));
  const options = {
    compaction: readCompaction(values.compaction),
    warmUp: values["warm-up"] === "0" ? 0 : readNumber("warm-up", values["warm-up"] ?? "400000"),
    messages: number("messages", 1_000_000), conversations: number("conversations", 100), segment: number("segment", 256),
    archivers: number("archivers", 1), pages: number("pages", 2_000),
    cassandra: values.cassandra === undefined ? null : readNode(values.cassandra),
    s3: values.s3 ?? null,
    quiet: values.quiet === undefined ? null : number("quiet", 0),
    json: values.json === undefined ? null : path.resolve(values.json),
    profile: values.profile === undefined ? null : path.resolve(values.profile),
  };
  for (const [name, value] of [["messages", options.messages], ["warm-up", options.warmUp]] as const) {
    if (value % options.conversations !== 0) throw new UsageError(`--${name} must be a multiple of --conversations`);
  }
  return options;
}
