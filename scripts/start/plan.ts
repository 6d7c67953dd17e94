// What one `npm start` will run, read from the environment and the command line. Reads nothing else.
import path from "node:path";
import { readMediaSettings } from "../../media/settings.ts";
import { JURISDICTIONS } from "../../protocol/ids.ts";
import { pinnedSettings } from "../../protocol/settings.ts";

export interface Plan {
  /** Absolute. */
  readonly dataDir: string;
  /** Front doors of the one store; the first is the runtime's own port. */
  readonly ports: readonly [number, ...number[]];
  /** null: any free port. */
  readonly archiverPort: number | null;
  /** Of the runtime's debugger and profiler; null: none. */
  readonly inspectorPort: number | null;
  /** A finished build to run, or null to build the sources first. */
  readonly bundle: string | null;
  readonly environment: "development" | "production";
  /** The Worker's text bindings, without what is only known later: secrets and the archiver's address. */
  readonly workerEnv: Readonly<Record<string, string>>;
}

/** Something the person who typed the command can put right; its message is one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const PASSED_BY_PREFIX = /^(CONFAB|AUTH|MEDIA)_/;
const PASSED_BY_NAME = ["ENVIRONMENT", "DEV_ISSUER", "ALLOWED_ORIGINS", "ARCHIVE", "JURISDICTION"];
const HIGHEST_PORT = 65_535;
const SECRET_CHARS = 32;
/** Stands for a secret that is made later. */
const MADE = "x".repeat(SECRET_CHARS);

/** Throws UsageError. */
export function readPlan(env: Readonly<Record<string, string | undefined>>, args: readonly string[]): Plan {
  const environment = env["ENVIRONMENT"] || "development";
  if (environment !== "development" && environment !== "production") {
    throw new UsageError(`ENVIRONMENT must be development or production, not ${JSON.stringify(environment)}`);
  }
  if (environment === "production" && env["DEV_ISSUER"] === "1") {
    throw new UsageError("DEV_ISSUER must not be set with ENVIRONMENT=production: it gives anybody a token for any name");
  }
  return {
    dataDir: path.resolve(env["DATA_DIR"] || ".data"),
    ports: readPorts(env),
    archiverPort: env["ARCHIVER_PORT"] ? readPort("ARCHIVER_PORT", env["ARCHIVER_PORT"]) : null,
    inspectorPort: readInspector(env, environment),
    bundle: readBundle(args),
    environment,
    workerEnv: usable({ ...developmentDefaults(environment), ...passedOn(env) }),
  };
}

/** What the Worker would only find out with its first request, and refuse every one for. */
function usable(workerEnv: Record<string, string>): Record<string, string> {
  const { AUTH_SECRET, JURISDICTION } = workerEnv;
  if (AUTH_SECRET !== undefined && AUTH_SECRET.length < SECRET_CHARS) throw new UsageError(`AUTH_SECRET must have ${SECRET_CHARS} characters or more`);
  if (JURISDICTION !== undefined && !(JURISDICTIONS as readonly string[]).includes(JURISDICTION)) {
    throw new UsageError(`JURISDICTION must be one of ${JURISDICTIONS.join(", ")}, not ${JSON.stringify(JURISDICTION)}`);
  }
  try {
    pinnedSettings(workerEnv);
    if (workerEnv["MEDIA_ENDPOINT"] !== undefined) readMediaSettings({ MEDIA_SECRET: MADE, ...workerEnv });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return workerEnv;
}

function developmentDefaults(environment: Plan["environment"]): Record<string, string> {
  const always = { ENVIRONMENT: environment, AUTH_ISSUER: "confab-local", AUTH_AUDIENCE: "confab", ARCHIVE: "on" };
  if (environment === "production") return always;
  return { ...always, DEV_ISSUER: "1", CONFAB_SEAL_AFTER_MS: "10000" };
}

function passedOn(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    // An empty variable is how a shell says "not set": it must not override a default.
    if (value && (PASSED_BY_PREFIX.test(name) || PASSED_BY_NAME.includes(name))) passed[name] = value;
  }
  return passed;
}

function readInspector(env: Readonly<Record<string, string | undefined>>, environment: Plan["environment"]): number | null {
  const given = env["INSPECTOR_PORT"];
  if (!given) return null;
  if (environment === "production") throw new UsageError("INSPECTOR_PORT must not be set with ENVIRONMENT=production: it lets anybody on this machine read everything");
  return readPort("INSPECTOR_PORT", given);
}

function readPorts(env: Readonly<Record<string, string | undefined>>): [number, ...number[]] {
  if (!env["PORTS"]) return [readPort("PORT", env["PORT"] || "8787")];
  const [first = "", ...others] = env["PORTS"].split(",");
  const ports: [number, ...number[]] = [readPort("PORTS", first), ...others.map((text) => readPort("PORTS", text))];
  if (new Set(ports).size !== ports.length) throw new UsageError(`PORTS names a port twice: ${env["PORTS"]}`);
  return ports;
}

function readPort(name: string, text: string): number {
  const port = /^\s*\d+\s*$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > HIGHEST_PORT) throw new UsageError(`${name} must be a port from 1 to ${HIGHEST_PORT}, not ${JSON.stringify(text)}`);
  return port;
}

function readBundle(args: readonly string[]): string | null {
  const [flag, folder, ...rest] = args;
  if (flag === undefined) return null;
  if (flag !== "--bundle" || folder === undefined || rest.length > 0) {
    throw new UsageError("usage: npm start [-- --bundle FOLDER]; everything else is set by environment variables");
  }
  return path.resolve(folder);
}
