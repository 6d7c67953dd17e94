// Starts ejabberd, as Debian builds it, on a PostgreSQL that is its own.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort, HOST } from "../ports.ts";
import { unpackDebian } from "./debian.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { launch, type ServerProcess } from "./server.ts";

const TEMPLATE = path.join(import.meta.dirname, "ejabberd", "ejabberd.yml");
const PACKAGES = ["ejabberd", "erlang-p1-pgsql"];
/** With these names, and this password. */
const USERS = 10_000;
export const PASSWORD = "bench";

/** Where its parts lie: in the system, or where its packages were unpacked. */
interface Place {
  erlang: string;
  runtime: string;
  /** Above the folder of ejabberd itself; its shared libraries are beside it. */
  libraries: string;
  schema: string;
}

export interface Ejabberd {
  /** Of its WebSocket. */
  url: string;
  ejabberd: ServerProcess;
  postgres: Postgres;
  stop(): Promise<void>;
}

function placeBelow(root: string): Place | null {
  const [erlang, above] = [path.join(root, "usr/lib/erlang"), path.join(root, "usr/lib")];
  const schema = path.join(root, "usr/share/ejabberd/sql/pg.sql");
  if (!existsSync(schema) || !existsSync(erlang)) return null;
  const runtime = readdirSync(erlang).find((name) => name.startsWith("erts-"));
  const triplet = readdirSync(above).find((name) => name.includes("-linux-") && readdirSync(path.join(above, name)).some((entry) => entry.startsWith("ejabberd-")));
  const driver = existsSync(path.join(erlang, "lib")) && readdirSync(path.join(erlang, "lib")).some((name) => name.startsWith("p1_pgsql-"));
  return runtime === undefined || triplet === undefined || !driver ? null : { erlang, runtime: path.join(erlang, runtime, "bin"), libraries: path.join(above, triplet), schema };
}

async function installEjabberd(): Promise<Place> {
  const place = placeBelow("/") ?? placeBelow(await unpackDebian("debian-ejabberd", PACKAGES));
  if (place === null) throw new Error(`ejabberd is missing: install it (Debian: apt-get install ${PACKAGES.join(" ")})`);
  return place;
}

function settings(port: number, { port: sqlPort, user, password, database }: Postgres): string {
  const values: Record<string, string> = { HOST, PORT: String(port), SQL_PORT: String(sqlPort), SQL_USER: user, SQL_PASSWORD: password, SQL_DATABASE: database };
  return readFileSync(TEMPLATE, "utf8").replace(/@([A-Z_]+)@/g, (whole, name: string) => values[name] ?? whole);
}

/** @param folder empty; both end with this process, however it ends */
export async function startEjabberd(folder: string): Promise<Ejabberd> {
  const place = await installEjabberd();
  const postgres = await startPostgres(path.join(folder, "postgres"));
  try {
    await postgres.load(place.schema);
    await postgres.query(`INSERT INTO users (username, password) SELECT 'bench-' || n, '${PASSWORD}' FROM generate_series(0, ${USERS - 1}) n`);
    const ejabberd = await startServer(place, path.join(folder, "ejabberd"), postgres);
    return {
      url: `ws://${HOST}:${ejabberd.port}/ws`, ejabberd, postgres,
      async stop() {
        // PostgreSQL waits for those who are connected.
        await ejabberd.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

async function startServer({ erlang, runtime, libraries }: Place, dataDir: string, postgres: Postgres): Promise<ServerProcess & { port: number }> {
  const port = await freePort();
  const [spool, config] = [path.join(dataDir, "spool"), path.join(dataDir, "ejabberd.yml")];
  mkdirSync(spool, { recursive: true });
  writeFileSync(config, settings(port, postgres), { mode: 0o600 });
  const server = await launch({
    name: "ejabberd", dataDir, host: HOST, port, command: path.join(runtime, "erlexec"),
    // Without a node's name: no distribution, and no daemon for it.
    args: ["-boot", path.join(erlang, "bin", "start_clean"), "-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir", JSON.stringify(spool), "-s", "ejabberd"],
    env: {
      ...process.env, ROOTDIR: erlang, BINDIR: runtime, EMU: "beam", PROGNAME: "erl", ERL_LIBS: libraries, LD_LIBRARY_PATH: libraries,
      EJABBERD_CONFIG_PATH: config, EJABBERD_LOG_PATH: path.join(dataDir, "ejabberd.log"), ERL_CRASH_DUMP: path.join(dataDir, "crash.dump"),
    },
    log: path.join(dataDir, "output.log"), readyWithinMs: 60_000,
    isReady: () => fetch(`http://${HOST}:${port}/ws`).then((answer) => answer.body?.cancel().then(() => true) ?? true, () => false),
  });
  return { ...server, port };
}
