// The command line of the bench.
import path from "node:path";
import { parseArgs } from "node:util";
import { type Encoding, ENCODINGS } from "../protocol/encodings.ts";
import { USUAL, WORKLOADS, type WorkloadName } from "./workloads.ts";

export interface Options {
  /** null: the product is started here. */
  remote: { url: string; tokenCommand: string } | null;
  /** A finished build to measure; null: the sources. */
  bundle: string | null;
  /** What it is compared with in the same run; null for nothing. */
  against: { bundle: string } | "bare" | "no-receipts" | null;
  /** Does the product's every device acknowledge what it gets? */
  receipts: boolean;
  /** What the product's sockets speak; those of the other always JSON. */
  encoding: Encoding;
  workloads: WorkloadName[];
  /** Of a round. */
  seconds: number;
  rounds: number;
  /** Where the figures go as JSON. */
  json: string | null;
}

export class UsageError extends Error {}

export const USAGE = `npm run bench -- [--url URL --token-command "cmd {user}"] [--workload names] [--seconds N] [--rounds N] [--encoding json|pb] [--receipts on|off] [--json FILE]
  --url            a running deployment; without it the product is started here, with its data in a temporary folder
  --token-command  prints the token of the user that stands for {user}; users are named bench-0 to bench-199 (to bench-499 for group-500)
  --workload       of ${WORKLOADS.join(", ")}; with commas between, default all but group-500, which needs --against none
  --seconds        of each round, default 5
  --rounds         of each workload, default 3
  --encoding       of the product's frames, default json; what it is compared with speaks JSON
  --receipts       does every device send DELIVERED and READ for each text that it gets, default on
  --json           also writes the figures there
  --bundle         a finished build in place of the sources
  --against        a finished build to compare with in place of the bare Worker, "no-receipts" for the same product without receipts, or "none"`;

/** Throws UsageError. */
export function readOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: { "url": text, "token-command": text, "workload": text, "seconds": text, "rounds": text, "json": text, "encoding": text, "receipts": text, "bundle": text, "against": text },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { url, bundle, against } = values;
  const tokenCommand = values["token-command"];
  if ((url === undefined) !== (tokenCommand === undefined)) throw new UsageError("--url and --token-command go together");
  const remote = url === undefined || tokenCommand === undefined ? null : { url: url.replace(/\/+$/, ""), tokenCommand };
  if (remote !== null && (bundle !== undefined || (against !== undefined && against !== "none"))) throw new UsageError("--bundle and --against are for a product that is started here");
  const workloads = readWorkloads(values.workload);
  if (workloads.includes("group-500") && remote === null && against !== "none") throw new UsageError("group-500 needs --against none");
  return {
    remote,
    bundle: bundle === undefined ? null : path.resolve(bundle),
    against: remote !== null || against === "none" ? null : readAgainst(against ?? "bare"),
    receipts: readSwitch("--receipts", values.receipts ?? "on"),
    encoding: readEncoding(values.encoding ?? "json"),
    workloads,
    seconds: readNumber("--seconds", values.seconds ?? "5"),
    rounds: Math.ceil(readNumber("--rounds", values.rounds ?? "3")),
    json: values.json === undefined ? null : path.resolve(values.json),
  };
}

function readAgainst(given: string): Options["against"] {
  return given === "bare" || given === "no-receipts" ? given : { bundle: path.resolve(given) };
}

function readSwitch(name: string, given: string): boolean {
  if (given !== "on" && given !== "off") throw new UsageError(`${name} must be on or off`);
  return given === "on";
}

function readEncoding(given: string): Encoding {
  const known = ENCODINGS.find((encoding) => encoding === given);
  if (known === undefined) throw new UsageError(`--encoding must be ${ENCODINGS.join(" or ")}`);
  return known;
}

function readWorkloads(given: string | undefined): WorkloadName[] {
  if (given === undefined) return [...USUAL];
  return given.split(",").map((name) => {
    const known = WORKLOADS.find((workload) => workload === name.trim());
    if (known === undefined) throw new UsageError(`there is no workload ${JSON.stringify(name)}`);
    return known;
  });
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3_600)) throw new UsageError(`${name} must be a number above 0 and at most 3600`);
  return value;
}
