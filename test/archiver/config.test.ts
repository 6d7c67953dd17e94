// The archiver's environment: defaults, bounds, and the lines for what is wrong.
import { expect, test } from "vitest";
import { ConfigError, readConfig } from "../../archiver/config.ts";

const ENV = {
  S3_ENDPOINT: "http://127.0.0.1:8787/cdn-cgi/local/r2/s3/", S3_BUCKET: "segments", S3_ACCESS_KEY_ID: "key", S3_SECRET_ACCESS_KEY: "secret",
  EDGE_URL: "http://127.0.0.1:8787", ARCHIVE_SECRET: "x".repeat(32),
};
const CASSANDRA = { ...ENV, CASSANDRA_CONTACT_POINTS: "10.0.0.1, 10.0.0.2" };

function problemsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test("[E9] without Cassandra's contact points the store is the embedded one, and the rest has defaults", () => {
  expect(readConfig({ ...ENV, CASSANDRA_CONTACT_POINTS: "", CASSANDRA_PORT: "9042", HOME: "/root" })).toEqual({
    s3: { endpoint: "http://127.0.0.1:8787/cdn-cgi/local/r2/s3", region: "auto", bucket: "segments", accessKeyId: "key", secretAccessKey: "secret" },
    edgeUrl: "http://127.0.0.1:8787", secret: new TextEncoder().encode("x".repeat(32)), host: "127.0.0.1", port: 8788, pollMs: 250, pollMaxMs: 1_500,
    leaseMs: 2_000, reads: 64, retentionS: 220_752_000, dataDir: ".data", parentPipe: false, cassandra: null,
  });
});

test("[E9] Cassandra is configured by its contact points, data centre, port, user, password and TLS", () => {
  expect(readConfig(CASSANDRA)).toMatchObject({
    pollMs: 5_000, pollMaxMs: 30_000, leaseMs: 15_000,
    cassandra: { contactPoints: ["10.0.0.1", "10.0.0.2"], dataCenter: "datacenter1", port: 9042, keyspace: "confab", credentials: null, tls: null },
  });
  expect(readConfig({
    ...CASSANDRA, CASSANDRA_DATACENTER: "ams", CASSANDRA_PORT: "9142", CASSANDRA_USER: "confab", CASSANDRA_PASSWORD: "pw", CASSANDRA_KEYSPACE: "chat",
    CASSANDRA_TLS: "1", ARCHIVER_POLL_MS: "250", ARCHIVER_POLL_MAX_MS: "700", ARCHIVER_LEASE_MS: "5000", ARCHIVE_RETENTION_S: "3600", ARCHIVER_PARENT_PIPE: "1",
  })).toMatchObject({
    pollMs: 250, pollMaxMs: 700, leaseMs: 5_000, retentionS: 3_600, parentPipe: true,
    cassandra: { dataCenter: "ams", port: 9142, keyspace: "chat", credentials: { username: "confab", password: "pw" }, tls: { ca: null } },
  });
});

test.each<[Record<string, string>, string[]]>([
  [{ ...ENV, S3_ENDPOINT: "" }, ["S3_ENDPOINT is missing"]],
  [{ ...ENV, S3_ENDPOINT: "ftp://x" }, ["S3_ENDPOINT must be an http or https URL"]],
  [{ ...ENV, ARCHIVE_SECRET: "x".repeat(31) }, ["ARCHIVE_SECRET must be at least 32 bytes"]],
  [{ ...ENV, ARCHIVER_PORT: "http" }, ["ARCHIVER_PORT must be a whole number"]],
  [{ ...ENV, ARCHIVER_POLL_MS: "1" }, ["ARCHIVER_POLL_MS must be at least 50"]],
  [{ ...ENV, ARCHIVER_LEASE_MS: "499" }, ["ARCHIVER_LEASE_MS must be at least 500"]],
  [{ ...ENV, ARCHIVE_RETENTION_S: "0" }, ["ARCHIVE_RETENTION_S must be at least 1"]],
  [{ ...ENV, ARCHIVE_RETENTION_S: "630720001" }, ["ARCHIVE_RETENTION_S must be at most 630720000"]],
  [{ ...ENV, ARCHIVER_PARENT_PIPE: "yes" }, ["ARCHIVER_PARENT_PIPE must be 0 or 1"]],
  [{ ...CASSANDRA, CASSANDRA_CONTACT_POINTS: "a,,b" }, ["CASSANDRA_CONTACT_POINTS must be host names or addresses, separated by commas"]],
  [{ ...CASSANDRA, CASSANDRA_KEYSPACE: "x; DROP" }, ["CASSANDRA_KEYSPACE must be lower case letters, digits and _, at most 48"]],
  [{ ...CASSANDRA, CASSANDRA_USER: "confab" }, ["CASSANDRA_PASSWORD is missing: CASSANDRA_USER is set"]],
  [{ ...CASSANDRA, CASSANDRA_PASSWORD: "pw" }, ["CASSANDRA_USER is missing: CASSANDRA_PASSWORD is set"]],
  [{ EDGE_URL: "x" }, ["S3_ENDPOINT is missing", "S3_BUCKET is missing", "S3_ACCESS_KEY_ID is missing", "S3_SECRET_ACCESS_KEY is missing", "EDGE_URL must be an http or https URL", "ARCHIVE_SECRET is missing"]],
])("[E9] a wrong variable is named: %#", (env, problems) => {
  expect(problemsOf(env)).toEqual(problems);
});

test("[E9] an authority that can't be read is named", () => {
  expect(problemsOf({ ...CASSANDRA, CASSANDRA_TLS: "1", CASSANDRA_TLS_CA: "/nowhere/ca.pem" })[0]).toMatch(/^CASSANDRA_TLS_CA can't be read: ENOENT/);
});
