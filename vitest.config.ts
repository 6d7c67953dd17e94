// The kinds of tests, by the suffix of their files; scripts/test.ts says which run beside one another.
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./scripts/test/longest-first.ts";
import { ALONE } from "./scripts/test/options.ts";

const long = process.env["TEST_LONG"] === "1";
const SUFFIXES = ["workerd", "e2e", "s3", "cassandra", "browser"];
const SECOND = 1_000;

const common = {
  provide: { long },
  setupFiles: ["./test/seeds.ts", "./test/tries.ts"],
  // The long form has larger sizes, and the machine may be busy; what hangs still ends.
  testTimeout: (long ? 900 : 120) * SECOND,
  hookTimeout: 180 * SECOND,
  allowOnly: false,
};

/**
 * Real processes on a busy machine now and then miss a bound of time: such a test is tried once more, and the run's end names
 * those that passed only then.
 */
const twice = { retry: 1 };

/** Tests in plain Node that need what their suffix says; `alone`: one file at a time. */
function kind(name: string, alone: boolean): TestProjectInlineConfiguration {
  return {
    test: { ...common, ...twice, name, include: [`test/**/*.${name}.test.ts`], exclude: [...ALONE], pool: "forks", fileParallelism: !alone },
  };
}

const alone: TestProjectInlineConfiguration = {
  test: { ...common, ...twice, name: "alone", include: [...ALONE], pool: "forks", fileParallelism: false, sequence: { groupOrder: 1 } },
};

const unit: TestProjectInlineConfiguration = {
  test: {
    ...common, name: "unit", pool: "forks",
    include: ["test/**/*.test.ts"], exclude: SUFFIXES.map((suffix) => `test/**/*.${suffix}.test.ts`),
  },
};

const workerd: TestProjectInlineConfiguration = {
  plugins: [cloudflareTest({
    wrangler: { configPath: "./wrangler.toml" },
    remoteBindings: false,
    miniflare: {
      bindings: {
        ENVIRONMENT: "development", DEV_ISSUER: "1", AUTH_ISSUER: "https://auth.test", AUTH_AUDIENCE: "confab",
        AUTH_SECRET: "a secret for tests only, 32 bytes", ARCHIVE: "on", ARCHIVE_SECRET: "another secret for tests, 32 bytes",
        ARCHIVER_URL: "http://127.0.0.1:9",
      },
    },
  })],
  // itty-durable ships ECMAScript modules in a package that says CommonJS.
  test: { ...common, setupFiles: [], name: "workerd", include: ["test/**/*.workerd.test.ts"], deps: { optimizer: { ssr: { enabled: true, include: ["itty-durable"] } } } },
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [unit, workerd, kind("e2e", false), alone, kind("s3", false), kind("cassandra", false), kind("browser", true)],
  },
});
