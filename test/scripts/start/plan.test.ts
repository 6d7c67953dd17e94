// What `npm start` makes of its environment.
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readPlan, UsageError } from "../../../scripts/start/plan.ts";

describe("defaults", () => {
  test("are those of development", () => {
    const plan = readPlan({}, []);
    expect(plan).toMatchObject({ dataDir: path.resolve(".data"), ports: [8787], archiverPort: null, bundle: null, environment: "development" });
    expect(plan.workerEnv).toEqual({
      ENVIRONMENT: "development", DEV_ISSUER: "1", AUTH_ISSUER: "confab-local", AUTH_AUDIENCE: "confab", ARCHIVE: "on", CONFAB_SEAL_AFTER_MS: "10000",
    });
  });

  test("in production there is no development issuer and no early sealing", () => {
    const { workerEnv } = readPlan({ ENVIRONMENT: "production" }, []);
    expect(workerEnv).toEqual({ ENVIRONMENT: "production", AUTH_ISSUER: "confab-local", AUTH_AUDIENCE: "confab", ARCHIVE: "on" });
  });
});

describe("the environment", () => {
  test("reaches the Worker by name and by prefix, and wins over defaults", () => {
    const { workerEnv } = readPlan({
      CONFAB_SEAL_AFTER_MS: "500", CONFAB_RATE_LIMIT: "0", AUTH_JWKS_URL: "https://a.test", ALLOWED_ORIGINS: "https://b.test", ARCHIVE: "off", JURISDICTION: "eu",
    }, []);
    expect(workerEnv).toMatchObject({
      CONFAB_SEAL_AFTER_MS: "500", CONFAB_RATE_LIMIT: "0", AUTH_JWKS_URL: "https://a.test", ALLOWED_ORIGINS: "https://b.test", ARCHIVE: "off", JURISDICTION: "eu",
    });
  });

  test("does not reach the Worker when it is nobody's business, or empty", () => {
    const { workerEnv } = readPlan({ HOME: "/home/x", CASSANDRA_PASSWORD: "p", CONFAB_SEAL_AFTER_MS: "" }, []);
    expect(workerEnv).not.toHaveProperty("HOME");
    expect(workerEnv).not.toHaveProperty("CASSANDRA_PASSWORD");
    expect(workerEnv["CONFAB_SEAL_AFTER_MS"]).toBe("10000");
  });

  const STORE = { MEDIA_ENDPOINT: "https://s3.test", MEDIA_BUCKET: "b", MEDIA_ACCESS_KEY_ID: "k", MEDIA_SECRET_ACCESS_KEY: "s" };

  test("[A18] names another store of files whole, or it is refused; its secret is made where none is given", () => {
    expect(readPlan(STORE, []).workerEnv).toMatchObject(STORE);
    expect(() => readPlan({ ...STORE, MEDIA_BUCKET: "" }, [])).toThrow("MEDIA_BUCKET must be set too");
    expect(() => readPlan({ ...STORE, MEDIA_ENDPOINT: "s3.test" }, [])).toThrow(UsageError);
    expect(() => readPlan({ ...STORE, MEDIA_SECRET: "short" }, [])).toThrow(UsageError);
  });

  test("PORTS wins over PORT", () => {
    expect(readPlan({ PORT: "1", PORTS: "2, 3" }, []).ports).toEqual([2, 3]);
    expect(readPlan({ PORT: "4", ARCHIVER_PORT: "5" }, [])).toMatchObject({ ports: [4], archiverPort: 5 });
  });

  test.each([
    [{ PORT: "0" }, "PORT must be a port"],
    [{ PORT: "65536" }, "PORT must be a port"],
    [{ PORT: "-1" }, "PORT must be a port"],
    [{ PORT: "8787x" }, "PORT must be a port"],
    [{ PORTS: "1," }, "PORTS must be a port"],
    [{ PORTS: "7,7" }, "PORTS names a port twice"],
    [{ ARCHIVER_PORT: "x" }, "ARCHIVER_PORT must be a port"],
    [{ ENVIRONMENT: "prod" }, "ENVIRONMENT must be"],
    [{ INSPECTOR_PORT: "x" }, "INSPECTOR_PORT must be a port"],
    [{ INSPECTOR_PORT: "9229", ENVIRONMENT: "production" }, "INSPECTOR_PORT must not be set"],
  ])("%j is refused", (env, message) => {
    expect(() => readPlan(env, [])).toThrow(UsageError);
    expect(() => readPlan(env, [])).toThrow(message);
  });
});

test.each([[["--bundle"]], [["--port", "1"]], [["x"]]])("arguments %j are refused", (args) => {
  expect(() => readPlan({}, args)).toThrow(/^usage: /);
});
