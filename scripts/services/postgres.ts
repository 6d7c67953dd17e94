// Starts a PostgreSQL server of its own on this machine, as it comes: a commit is on disk before it is answered.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePort, HOST } from "../ports.ts";
import { answerOf } from "./command.ts";
import { unpackDebian } from "./debian.ts";
import { launch, type Launch, type ServerProcess } from "./server.ts";

const run = promisify(execFile);
const INSTALLED = "usr/lib/postgresql";
const USER = "confab";
const DATABASE = "postgres";
/** Nobody's, where there is no user of that name. */
const NOBODY = 65_534;

export type Postgres = ServerProcess & {
  port: number; user: string; database: string; password: string;
  /** Runs statements, and answers what they print, without headers and padding. */
  query(sql: string): Promise<string>;
  load(file: string): Promise<void>;
};

/** The folder of the newest version's programs below that root, or null. */
function programsBelow(root: string): string | null {
  const versions = path.join(root, INSTALLED);
  if (!existsSync(versions)) return null;
  const newest = readdirSync(versions).map(Number).filter((version) => existsSync(path.join(versions, String(version), "bin", "initdb"))).toSorted((a, b) => b - a)[0];
  return newest === undefined ? null : path.join(versions, String(newest), "bin");
}

async function installPostgres(): Promise<string> {
  const programs = programsBelow("/") ?? programsBelow(await unpackDebian("debian-postgresql", ["postgresql"]));
  if (programs === null) throw new Error("PostgreSQL is missing: install it (Debian: apt-get install postgresql)");
  return programs;
}

/** PostgreSQL refuses to run as root. */
function identity(): NonNullable<Launch["as"]> | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number => Number(answerOf("id", [flag, "postgres"]) ?? NOBODY);
  return { uid: id("-u"), gid: id("-g") };
}

/** @param dataDir must not exist yet */
export async function startPostgres(dataDir: string): Promise<Postgres> {
  const programs = await installPostgres();
  const [port, password, as] = [await freePort(), randomBytes(16).toString("hex"), identity()];
  const [data, secret] = [path.join(dataDir, "data"), path.join(dataDir, "password")];
  mkdirSync(data, { recursive: true });
  writeFileSync(secret, password);
  if (as !== null) {
    for (const own of [data, secret]) chownSync(own, as.uid, as.gid);
    // Only through here can it get to its own.
    for (const above of [dataDir, path.dirname(dataDir)]) chmodSync(above, 0o711);
  }
  chmodSync(secret, 0o600);
  await run(path.join(programs, "initdb"), ["-D", data, "-U", USER, `--pwfile=${secret}`, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"], { ...as, cwd: dataDir });
  const psql = (...args: string[]): Promise<{ stdout: string }> =>
    run(path.join(programs, "psql"), ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", String(port), "-U", USER, DATABASE, ...args], { env: { ...process.env, PGPASSWORD: password } });
  const query = async (sql: string): Promise<string> => (await psql("-c", sql)).stdout.trim();
  const server = await launch({
    name: "PostgreSQL", dataDir, host: HOST, port, command: path.join(programs, "postgres"),
    args: ["-D", data, "-c", `listen_addresses=${HOST}`, "-c", `port=${port}`, "-c", "unix_socket_directories=", "-c", "fsync=on", "-c", "synchronous_commit=on"],
    log: path.join(dataDir, "postgres.log"), readyWithinMs: 30_000, ...(as === null ? {} : { as }),
    isReady: () => query("SELECT 1").then(() => true, () => false),
  });
  return { ...server, port, user: USER, database: DATABASE, password, query, load: async (file) => void (await psql("-f", file)) };
}
