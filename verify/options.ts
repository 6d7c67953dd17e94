// The command line of `npm run verify`.
import { parseArgs } from "node:util";
import type { Sizes } from "./plan.ts";

export interface Options extends Sizes {
  seed: number;
  /** A deployment that runs already; null: one of this checkout is started, and killed again and again. */
  remote: { url: string; token_command: string } | null;
  /** A finished build to start instead of the sources. */
  bundle: string | null;
  json: boolean;
}

export const USAGE = `usage: npm run verify -- [--rounds 10] [--seed N] [--clients 8] [--messages 300] [--json] [--bundle FOLDER]
       npm run verify -- --url wss://chat.example.com --token-command "print-token {user}" [--rounds …]

Without --url it starts this checkout on data of its own, kills it once in every round and starts it again on the same
data. With --url it only cuts its own sockets. --messages is for one round; --json writes the result to standard output.`;

export class UsageError extends Error {}

/** Throws UsageError. */
export function readOptions(args: string[], randomSeed: () => number): Options {
  const { rounds, seed, clients, messages, url, "token-command": token_command, bundle, json } = parse(args);
  if ((url === undefined) !== (token_command === undefined)) throw new UsageError("--url and --token-command go together");
  if (url !== undefined && !/^(?:wss?|https?):$/.test(URL.parse(url)?.protocol ?? "")) throw new UsageError("--url must be a wss or https URL");
  if (url !== undefined && bundle !== undefined) throw new UsageError("--bundle is for a deployment that is started here");
  return {
    rounds: whole("--rounds", rounds ?? "10", 1, 10_000),
    clients: whole("--clients", clients ?? "8", 2, 1_000),
    messages: whole("--messages", messages ?? "300", 1, 1_000_000),
    seed: seed === undefined ? randomSeed() : whole("--seed", seed, 0, 0xffff_ffff),
    kills: url === undefined,
    remote: url === undefined || token_command === undefined ? null : { url, token_command },
    bundle: bundle ?? null,
    json: json ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        rounds: { type: "string" }, seed: { type: "string" }, clients: { type: "string" }, messages: { type: "string" },
        url: { type: "string" }, "token-command": { type: "string" }, bundle: { type: "string" }, json: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < min || value > max) throw new UsageError(`${name} must be a whole number from ${min} to ${max}`);
  return value;
}
