// The command line of the bench.
import path from "node:path";
import { parseArgs } from "node:util";
import { type Encoding, ENCODINGS } from "../protocol/encodings.ts";
import { USUAL, WORKLOADS, type WorkloadName } from "./workloads.ts";

/** What the product is compared with. */
export type Against = { kind: "build"; bundle: string } | { kind: "bare" } | { kind: "no-receipts" };

export const PEERS = ["socketio", "ejabberd"] as const;
export type Peer = (typeof PEERS)[number];

export interface Options {
  /** null: the product is started here. */
  remote: { url: string; tokenCommand: string } | null;
  /** A finished build to measure; null: the sources. */
  bundle: string | null;
  /** null for nothing */
  against: Against | null;
  /** Other servers that get the same load. */
  peers: Peer[];
  /** Does every device acknowledge what it gets? */
  receipts: boolean;
  /** What the product's sockets speak; those of the others always JSON. */
  encoding: Encoding;
  workloads: WorkloadName[];
  /** Of a round. */
  seconds: number;
  rounds: number;
  /** null: as many as it takes. */
  generators: number | null;
  /** Of `idle`; null: as many as it says. */
  sockets: number | null;
  /** Where the figures go as JSON, as a chart and as a profile of the product. */
  json: string | null;
  chart: string | null;
  profile: string | null;
}

export class UsageError extends Error {}

export const USAGE = `npm run bench -- [options]
  --url            a running deployment; without it the product is started here, with its data in a temporary folder
  --token-command  with --url: prints the token of the user that stands for {user}; users are bench-0, bench-1 …
  --workload       of ${WORKLOADS.join(", ")}; with commas between, default ${USUAL.join(", ")}
  --seconds        of each round, default 5
  --rounds         of each workload, by turns with what it is compared with, default 3
  --against        "bare" for the bare Worker (default), a finished build, "no-receipts" for the same product without receipts, or "none"
  --peer           other servers that get the same load: ${PEERS.join(", ")}; with commas between
  --receipts       does every device of the product send DELIVERED and READ for each unit that it gets, on or off; default off, as no peer does, and on with --url
  --encoding       of the product's frames, ${ENCODINGS.join(" or ")}, default json; what it is compared with speaks JSON
  --generators     processes that put the load on; without it as many as it takes until none is busy all the time
  --sockets        of the workload idle
  --bundle         a finished build in place of the sources
  --json           also writes all rounds there
  --chart          also draws there, as SVG, how what it is compared with does beside the product
  --profile        one more round of each workload, of the product alone, under a profiler: FILE.cpuprofile for what JavaScript
                   does (DevTools and speedscope open it), FILE.svg for a flame graph of all that the process does (needs perf)`;

/** Throws UsageError. */
export function readOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        "url": text, "token-command": text, "workload": text, "seconds": text, "rounds": text, "against": text, "peer": text, "receipts": text, "encoding": text,
        "generators": text, "sockets": text, "bundle": text, "json": text, "chart": text, "profile": text,
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { url, bundle, against, generators, sockets } = values;
  const tokenCommand = values["token-command"];
  if ((url === undefined) !== (tokenCommand === undefined)) throw new UsageError("--url and --token-command go together");
  const remote = url === undefined || tokenCommand === undefined ? null : { url: url.replace(/\/+$/, ""), tokenCommand };
  const foreign = bundle !== undefined || values.profile !== undefined || (against !== undefined && against !== "none");
  if (remote !== null && foreign) throw new UsageError("--bundle, --against and --profile are for a product that is started here");
  const receipts = readSwitch("--receipts", values.receipts ?? (remote === null ? "off" : "on"));
  if (remote !== null && !receipts) throw new UsageError("a deployment sends again what nobody acknowledges: --url goes with --receipts on");
  if (against === "no-receipts" && !receipts) throw new UsageError("--against no-receipts goes with --receipts on");
  const peers = readNames("peer", PEERS, values.peer ?? "");
  if (values.chart !== undefined && peers.length === 0 && (remote !== null || against === "none")) throw new UsageError("--chart draws others beside the product: it goes with --against or --peer");
  const file = (given: string | undefined): string | null => (given === undefined ? null : path.resolve(given));
  return {
    remote, receipts, peers,
    bundle: file(bundle),
    against: remote !== null || against === "none" ? null : readAgainst(against ?? "bare"),
    encoding: readEncoding(values.encoding ?? "json"),
    workloads: values.workload === undefined ? [...USUAL] : readNames("workload", WORKLOADS, values.workload),
    seconds: readNumber("--seconds", values.seconds ?? "5"),
    rounds: Math.ceil(readNumber("--rounds", values.rounds ?? "3")),
    generators: generators === undefined ? null : Math.ceil(readNumber("--generators", generators)),
    sockets: sockets === undefined ? null : Math.ceil(readNumber("--sockets", sockets)),
    json: file(values.json), chart: file(values.chart), profile: readProfile(file(values.profile)),
  };
}

function readAgainst(given: string): Against {
  return given === "bare" || given === "no-receipts" ? { kind: given } : { kind: "build", bundle: path.resolve(given) };
}

function readProfile(file: string | null): string | null {
  if (file !== null && ![".cpuprofile", ".svg"].includes(path.extname(file))) throw new UsageError("--profile must end with .cpuprofile or .svg");
  return file;
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

function readNames<N extends string>(what: string, known: readonly N[], given: string): N[] {
  return given.split(",").filter((name) => name !== "").map((name) => {
    const found = known.find((one) => one === name.trim());
    if (found === undefined) throw new UsageError(`there is no ${what} ${JSON.stringify(name)}`);
    return found;
  });
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new UsageError(`${name} must be a number above 0 and at most 10000`);
  return value;
}
