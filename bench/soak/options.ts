// The command line of the soak.
import path from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../options.ts";

export interface Options {
  /** null: the product is started here. */
  remote: { url: string; tokenCommand: string } | null;
  bundle: string | null;
  minutes: number;
  sockets: number;
  /** Messages a second while it is steady. */
  rate: number;
  /** Where samples, figures and chart go. */
  out: string;
}

export const USAGE = `npm run soak -- [--minutes N] [--sockets N] [--rate N] [--out FOLDER] [--url URL --token-command "cmd {user}"]
  --minutes        how long, default 120; connecting and the comparison at the end come on top
  --sockets        connected at a time, default 2000
  --rate           messages a second while it is steady, default 20; in bursts five times as many
  --out            folder for samples.ndjson, soak.json and soak.svg, default soak-results
  --url            a running deployment; without it the product is started here, with its data in a temporary folder
  --token-command  prints the token of the user that stands for {user}; users are named soak-0-0 and up
  --bundle         a finished build in place of the sources`;

/** Throws UsageError. */
export function readOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({ args, options: { "minutes": text, "sockets": text, "rate": text, "out": text, "url": text, "token-command": text, "bundle": text } }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const tokenCommand = values["token-command"];
  if ((values.url === undefined) !== (tokenCommand === undefined)) throw new UsageError("--url and --token-command go together");
  if (values.url !== undefined && values.bundle !== undefined) throw new UsageError("--bundle is for a product that is started here");
  return {
    remote: values.url === undefined || tokenCommand === undefined ? null : { url: values.url.replace(/\/+$/, ""), tokenCommand },
    bundle: values.bundle === undefined ? null : path.resolve(values.bundle),
    minutes: readNumber("--minutes", values.minutes ?? "120", 0.1, 7 * 24 * 60),
    sockets: Math.ceil(readNumber("--sockets", values.sockets ?? "2000", 10, 20_000)),
    rate: readNumber("--rate", values.rate ?? "20", 1, 2_000),
    out: path.resolve(values.out ?? "soak-results"),
  };
}

function readNumber(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (!(value >= lowest && value <= highest)) throw new UsageError(`${name} must be a number from ${lowest} to ${highest}`);
  return value;
}
