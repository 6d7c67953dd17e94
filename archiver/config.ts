// The archiver's configuration: what each environment variable must be, and one clear line for each that is not.
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { reasonOf } from "./reason.ts";

/** 7 years of 365 days, in seconds. */
export const RETENTION_S = 220_752_000;
/** Between looks at the bucket while there is work, each a listing that R2 bills; at the embedded store, on a laptop, it is free. */
const POLL_MS = 5_000;
const POLL_EMBEDDED_MS = 250;
/** Without a sign of life for this long an archiver counts as dead. With the embedded store all are on one machine. */
const LEASE_MS = 15_000;
const LEASE_EMBEDDED_MS = 2_000;
/** How much longer the wait gets while there is none. */
const IDLE_POLLS = 6;
/** Cassandra's longest TTL, in seconds. */
const TTL_MAX_S = 630_720_000;

const Text = v.pipe(v.string("is missing"), v.minLength(1, "is missing"));
const Whole = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, "must be a whole number"),
    v.transform(Number),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );
const Url = v.pipe(
  Text,
  v.check((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), "must be an http or https URL"),
  v.transform((text) => text.replace(/\/+$/, "")),
);
const Flag = v.pipe(v.picklist(["0", "1"], "must be 0 or 1"), v.transform((flag) => flag === "1"));

const Environment = v.object({
  S3_ENDPOINT: Url,
  S3_REGION: v.optional(Text, "auto"),
  S3_BUCKET: Text,
  S3_ACCESS_KEY_ID: Text,
  S3_SECRET_ACCESS_KEY: Text,
  EDGE_URL: Url,
  // RFC 7518, 3.2: an HS256 key has at least the hash's 32 bytes.
  ARCHIVE_SECRET: v.pipe(Text, v.minBytes(32, "must be at least 32 bytes")),
  ARCHIVER_HOST: v.optional(Text, "127.0.0.1"),
  ARCHIVER_PORT: v.optional(Whole(0, 65_535), "8788"),
  ARCHIVER_POLL_MS: v.optional(Whole(50, 3_600_000)),
  ARCHIVER_POLL_MAX_MS: v.optional(Whole(50, 3_600_000)),
  ARCHIVER_LEASE_MS: v.optional(Whole(500, 3_600_000)),
  ARCHIVER_READS: v.optional(Whole(1, 10_000), "64"),
  ARCHIVER_PARENT_PIPE: v.optional(Flag, "0"),
  ARCHIVE_RETENTION_S: v.optional(Whole(1, TTL_MAX_S), String(RETENTION_S)),
  DATA_DIR: v.optional(Text, ".data"),
  CASSANDRA_CONTACT_POINTS: v.optional(
    v.pipe(
      Text,
      v.transform((text) => text.split(",").map((host) => host.trim())),
      v.check((hosts) => hosts.every((host) => host !== ""), "must be host names or addresses, separated by commas"),
    ),
  ),
  CASSANDRA_DATACENTER: v.optional(Text, "datacenter1"),
  CASSANDRA_PORT: v.optional(Whole(1, 65_535), "9042"),
  CASSANDRA_USER: v.optional(Text),
  CASSANDRA_PASSWORD: v.optional(Text),
  CASSANDRA_KEYSPACE: v.optional(
    v.pipe(Text, v.regex(/^[a-z][a-z0-9_]{0,47}$/, "must be lower case letters, digits and _, at most 48")),
    "confab",
  ),
  CASSANDRA_TLS: v.optional(Flag, "0"),
  CASSANDRA_TLS_CA: v.optional(Text),
});

export interface S3Config {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface CassandraConfig {
  contactPoints: string[];
  dataCenter: string;
  port: number;
  keyspace: string;
  credentials: { username: string; password: string } | null;
  /** null: plain; `ca` null: the authorities that Node trusts */
  tls: { ca: string | null } | null;
}

export interface Config {
  s3: S3Config;
  edgeUrl: string;
  secret: Uint8Array;
  host: string;
  /** 0: any free one */
  port: number;
  pollMs: number;
  pollMaxMs: number;
  /** How long other archivers wait for a sign of life before they take over. */
  leaseMs: number;
  /** Reads of archived events that are answered at once. */
  reads: number;
  retentionS: number;
  dataDir: string;
  /** Stop when stdin ends: the process that started this one is gone. */
  parentPipe: boolean;
  /** null: the embedded store */
  cassandra: CassandraConfig | null;
}

/** Thrown with every problem, a line each, that starts with the variable's name. */
export class ConfigError extends Error {
  readonly problems: string[];
  constructor(problems: string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

type Variables = v.InferOutput<typeof Environment>;

function credentialsOf(env: Variables): CassandraConfig["credentials"] {
  const { CASSANDRA_USER: username, CASSANDRA_PASSWORD: password } = env;
  if (username === undefined && password === undefined) return null;
  if (username === undefined) throw new ConfigError(["CASSANDRA_USER is missing: CASSANDRA_PASSWORD is set"]);
  if (password === undefined) throw new ConfigError(["CASSANDRA_PASSWORD is missing: CASSANDRA_USER is set"]);
  return { username, password };
}

function authorityOf(file: string | undefined): string | null {
  if (file === undefined) return null;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([`CASSANDRA_TLS_CA can't be read: ${reasonOf(error)}`]);
  }
}

function cassandraOf(env: Variables): CassandraConfig | null {
  if (env.CASSANDRA_CONTACT_POINTS === undefined) return null;
  return {
    contactPoints: env.CASSANDRA_CONTACT_POINTS,
    dataCenter: env.CASSANDRA_DATACENTER,
    port: env.CASSANDRA_PORT,
    keyspace: env.CASSANDRA_KEYSPACE,
    credentials: credentialsOf(env),
    tls: env.CASSANDRA_TLS ? { ca: authorityOf(env.CASSANDRA_TLS_CA) } : null,
  };
}

/** An empty variable counts as absent. Throws ConfigError. */
export function readConfig(variables: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(variables).filter(([, text]) => text !== undefined && text !== ""));
  const parsed = v.safeParse(Environment, given);
  if (!parsed.success) {
    const first = new Map(parsed.issues.map((issue) => [v.getDotPath(issue) ?? "", issue.message] as const).toReversed());
    throw new ConfigError([...first].toReversed().map(([name, message]) => `${name} ${message.startsWith("Invalid key") ? "is missing" : message}`));
  }
  const env = parsed.output;
  const embedded = env.CASSANDRA_CONTACT_POINTS === undefined;
  const pollMs = env.ARCHIVER_POLL_MS ?? (embedded ? POLL_EMBEDDED_MS : POLL_MS);
  return {
    s3: {
      endpoint: env.S3_ENDPOINT,
      region: env.S3_REGION,
      bucket: env.S3_BUCKET,
      accessKeyId: env.S3_ACCESS_KEY_ID,
      secretAccessKey: env.S3_SECRET_ACCESS_KEY,
    },
    edgeUrl: env.EDGE_URL,
    secret: new TextEncoder().encode(env.ARCHIVE_SECRET),
    host: env.ARCHIVER_HOST,
    port: env.ARCHIVER_PORT,
    pollMs,
    pollMaxMs: env.ARCHIVER_POLL_MAX_MS ?? IDLE_POLLS * pollMs,
    leaseMs: env.ARCHIVER_LEASE_MS ?? (embedded ? LEASE_EMBEDDED_MS : LEASE_MS),
    reads: env.ARCHIVER_READS,
    retentionS: env.ARCHIVE_RETENTION_S,
    dataDir: env.DATA_DIR,
    parentPipe: env.ARCHIVER_PARENT_PIPE,
    cassandra: cassandraOf(env),
  };
}
