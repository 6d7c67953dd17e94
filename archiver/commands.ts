// What an operator asks of the archive: `npm run archiver -- <command> …`. Without a command the archiver archives, for ever.
import type { Config } from "./config.ts";
import type { Edge } from "./edge.ts";
import type { SegmentBucket } from "./s3.ts";
import type { ArchiveStore } from "./stores/store.ts";

/** The store is open. */
export interface CommandTools {
  config: Config;
  store: ArchiveStore;
  bucket: SegmentBucket;
  edge: Edge;
  /** ms */
  now: () => number;
  /** Ends the command after the step in hand. */
  signal: AbortSignal;
  /** One line of the answer, to stdout; progress and errors go to the log. */
  print: (line: string) => void;
}

export interface Command {
  /** Without the program's name: `restore <conversation_id>`. */
  usage: string;
  /** @returns the exit code. Throws UsageError where the words are wrong. */
  run(args: readonly string[], tools: CommandTools): Promise<number>;
}

/** Printed with the usage; exit code 2. */
export class UsageError extends Error {}

/** Loaded only when asked for. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  restore: async () => (await import("./restore/command.ts")).RESTORE,
  audit: async () => (await import("./audit/command.ts")).AUDIT,
  hold: async () => (await import("./commands/hold.ts")).holdCommand,
  release: async () => (await import("./commands/hold.ts")).releaseCommand,
  holds: async () => (await import("./commands/hold.ts")).holdsCommand,
  erase: async () => (await import("./erase/command.ts")).command,
  export: async () => (await import("./export/command.ts")).command,
};
