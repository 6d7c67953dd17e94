// Starts an S3 server that shares no code with the local R2: it checks signatures, lengths, types and hashes.
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { installOnce } from "./cache.ts";
import { runStep } from "./command.ts";
import { installGo } from "./go.ts";
import { freePort } from "../ports.ts";
import { launch, type ServerProcess } from "./server.ts";

const VERSION = "v1.8.0";
const MODULE = "github.com/versity/versitygw/cmd/versitygw";
const HOST = "127.0.0.1";
const REGION = "us-east-1";
/** For a server on the loopback interface that holds test objects only. */
const ACCESS_KEY_ID = "testkey";
const SECRET_ACCESS_KEY = "testsecret12";

export type S3Options = {
  /** Kept between starts. */
  dataDir: string;
  /** A free one when absent. */
  port?: number;
  /** Goes on after this process has ended. */
  keep?: boolean;
};

export type S3Endpoint = { endpoint: string; accessKeyId: string; secretAccessKey: string; region: string };
export type S3 = ServerProcess & S3Endpoint & { port: number };

/** The server's binary; builds it when missing (two minutes), or throws with what to install. */
export async function installS3(): Promise<string> {
  const folder = await installOnce(`versitygw-${VERSION}`, async (fresh) => {
    const go = await installGo();
    const work = path.join(fresh, "work");
    await runStep({
      label: `building the S3 test server ${VERSION}, about two minutes`, done: `S3 test server ${VERSION} built`,
      command: go, args: ["install", "-trimpath", "-modcacherw", "-ldflags=-s -w", `${MODULE}@${VERSION}`],
      env: { GOBIN: fresh, GOPATH: path.join(work, "path"), GOCACHE: path.join(work, "build"), CGO_ENABLED: "0" },
    });
    // Sources and intermediate results, a gigabyte.
    await rm(work, { recursive: true, force: true });
  });
  return path.join(folder, "versitygw");
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Resolves when the server accepts connections. It has no bucket at first; addresses are path style. */
export async function startS3(options: S3Options): Promise<S3> {
  const binary = await installS3();
  const dataDir = path.resolve(options.dataDir);
  const port = options.port ?? (await freePort());
  const [objects, meta] = [path.join(dataDir, "objects"), path.join(dataDir, "meta")];
  for (const folder of [objects, meta]) mkdirSync(folder, { recursive: true });
  const server = await launch({
    name: "the S3 server", dataDir, host: HOST, port, command: binary,
    args: ["--port", `${HOST}:${port}`, "--region", REGION, "posix", "--sidecar", meta, objects],
    env: { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY_ID, ROOT_SECRET_KEY: SECRET_ACCESS_KEY },
    log: path.join(dataDir, "log"), keep: options.keep ?? false,
    readyWithinMs: 10_000, isReady: () => accepts(port),
  });
  const endpoint = `http://${HOST}:${port}`;
  return { ...server, port, endpoint, accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY, region: REGION };
}
