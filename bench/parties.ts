// Who is measured in a run: the product first, then what it is compared with. Each is started afresh for every workload.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildBare } from "./bare/build.ts";
import type { Options, Peer } from "./options.ts";
import { startEjabberd } from "./peers/ejabberd.ts";
import { startSocketio } from "./peers/socketio.ts";
import { remoteTarget, startBuild, type Target } from "./target.ts";

export interface Party {
  name: string;
  start(): Promise<Target>;
}

const START_PEER: Readonly<Record<Peer, () => Promise<Target>>> = { socketio: startSocketio, ejabberd: startEjabberd };

/** Removed by who asked for the parties. */
export function bareFolder(): string {
  return mkdtempSync(path.join(tmpdir(), "confab-bare-"));
}

/** @param folder for the bare Worker's build */
export async function partiesOf(options: Options, folder: string): Promise<Party[]> {
  const { remote, bundle, receipts, encoding, profile } = options;
  const product: Party = {
    name: "product",
    start: () => (remote === null ? startBuild({ bundle, encoding, receipts, inspected: profile !== null }) : Promise.resolve(remoteTarget(remote.url, remote.tokenCommand, options))),
  };
  const peers = options.peers.map((name): Party => ({ name, start: START_PEER[name] }));
  return [product, ...await otherBuild(options, folder), ...peers];
}

async function otherBuild({ against, bundle, receipts, profile }: Options, folder: string): Promise<Party[]> {
  if (against === null) return [];
  const json = { encoding: "json", inspected: profile !== null } as const;
  if (against.kind === "no-receipts") return [{ name: "no receipts", start: () => startBuild({ ...json, bundle, receipts: false }) }];
  if (against.kind === "build") return [{ name: "other build", start: () => startBuild({ ...json, bundle: against.bundle, receipts }) }];
  await buildBare(folder);
  return [{ name: "bare Worker", start: () => startBuild({ ...json, bundle: folder, receipts: false }) }];
}
