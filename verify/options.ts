// The command line of `npm run verify`.
import { parseArgs } from "node:util";
import type { Sizes } from "./plan.ts";

export interface Options extends Sizes {
  seed: number;
  /** A deployment that runs already; null: one of this checkout is started, and killed again and again. */
  remote: { url: string; token_command: string } | null;
  /** Finished builds to start, by turns with each deploy; none: they are made of the sources. */
  bundles: string[];
  /** Where the run's folder is made; null: among the system's temporary ones. */
  folder: string | null;
  /** The run's folder stays, also where nothing was wrong. */
  keep: boolean;
  json: boolean;
  /** After so many the round that is under way is the last; null: all are played. */
  minutes: number | null;
}

export const USAGE = `usage: npm run verify -- [--rounds 10] [--kills 10] [--messages 3000] [--clients 8] [--seed N] [--long] [--busy]
                        [--minutes N] [--json] [--keep] [--folder FOLDER] [--bundle FOLDER …]
       npm run verify -- --url wss://chat.example.com --token-command "print-token {user}" [--rounds …]

Without --url it starts this checkout on data of its own, kills it again and again and starts it again on the same
data. With --url it only cuts its own sockets. --messages and --kills are for the whole run. --busy sends without pauses.
--long is --kills 500 --messages 1000000 --rounds 100 --clients 12 --busy. With several --bundle each deploy brings the next
one. After --minutes no further round begins. --json writes the result to standard output. What was recorded stays in a folder where something was wrong, or with --keep.`;

export class UsageError extends Error {}

const SHORT = { rounds: "10", messages: "3000", clients: "8" };
const LONG = { rounds: "100", messages: "1000000", clients: "12", kills: "500" };
/** Kills of one round: fewer barriers than kills, or a run of hundreds would mostly wait. */
const KILLS_A_ROUND = 5;
/** From so many messages a round on they can't be sent with pauses. */
const BUSY_FROM = 3_000;

/** Throws UsageError. */
export function readOptions(args: string[], randomSeed: () => number): Options {
  const { seed, url, "token-command": token_command, bundle, json, long, keep, folder, busy, ...given } = parse(args);
  if ((url === undefined) !== (token_command === undefined)) throw new UsageError("--url and --token-command go together");
  if (url !== undefined && !/^(?:wss?|https?):$/.test(URL.parse(url)?.protocol ?? "")) throw new UsageError("--url must be a wss or https URL");
  if (url !== undefined && bundle !== undefined) throw new UsageError("--bundle is for a deployment that is started here");
  if (url !== undefined && given.kills !== undefined) throw new UsageError("--kills is for a deployment that is started here");
  const sizes = long === true ? LONG : SHORT;
  const kills = given.kills === undefined ? null : whole("--kills", given.kills, 0, 100_000);
  const fallback = kills === null || long === true ? sizes.rounds : String(Math.max(1, Math.ceil(kills / KILLS_A_ROUND)));
  const rounds = whole("--rounds", given.rounds ?? fallback, 1, 10_000);
  const messages = whole("--messages", given.messages ?? sizes.messages, 1, 100_000_000);
  return {
    rounds, messages,
    clients: whole("--clients", given.clients ?? sizes.clients, 2, 1_000),
    kills: url === undefined ? (kills ?? (long === true ? Number(LONG.kills) : rounds)) : 0,
    busy: busy === true || long === true || messages / rounds >= BUSY_FROM,
    seed: seed === undefined ? randomSeed() : whole("--seed", seed, 0, 0xffff_ffff),
    remote: url === undefined || token_command === undefined ? null : { url, token_command },
    bundles: bundle ?? [],
    folder: folder ?? null,
    keep: keep ?? false,
    json: json ?? false,
    minutes: given.minutes === undefined ? null : whole("--minutes", given.minutes, 1, 100_000),
  };
}

/** The command that does the same again. */
export function commandOf({ seed, rounds, kills, clients, messages, busy, remote }: Options): string {
  return `npm run verify -- --seed ${seed} --rounds ${rounds}${remote === null ? ` --kills ${kills}` : ""} --clients ${clients} --messages ${messages}${busy ? " --busy" : ""}`;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        rounds: { type: "string" }, seed: { type: "string" }, clients: { type: "string" }, messages: { type: "string" }, kills: { type: "string" }, minutes: { type: "string" },
        url: { type: "string" }, "token-command": { type: "string" }, bundle: { type: "string", multiple: true }, folder: { type: "string" },
        json: { type: "boolean" }, long: { type: "boolean" }, keep: { type: "boolean" }, busy: { type: "boolean" },
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
