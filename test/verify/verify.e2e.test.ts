// `npm run verify` as a person runs it, and its sharpest form: a kill in the very turn in which an ack arrives.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Frame, Socket } from "../../verify/connection.ts";
import { LocalDeployment } from "../../verify/local.ts";
import { call, persist } from "../../verify/rest.ts";
import { buildVersions } from "../../scripts/verify-builds.ts";
import { sharedBundle, startProduct } from "../product.ts";
import { size } from "../sizes.ts";
import { runVerify } from "./run-verify.ts";

const TOKEN_COMMAND = fileURLToPath(new URL("print-token.ts", import.meta.url));
const RUN_MS = 300_000;

const folder = mkdtempSync(path.join(tmpdir(), "confab-test-verify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

describe.concurrent("npm run verify", () => {
  test("[A4][A23][A24][C2] finds nothing wrong over kills, cuts and resends", { timeout: 3 * RUN_MS }, async () => {
    const rounds = size("verify rounds", 3, 10);
    const messages = size("verify messages a round", 150, 1_000);
    const bundles = await buildVersions(path.join(folder, "versions"));
    const { code, said, result } = await runVerify([
      "--seed", "23", "--rounds", String(rounds), "--clients", "6", "--messages", String(rounds * messages), ...bundles.flatMap((bundle) => ["--bundle", bundle]),
    ]);
    expect(result?.violations, said).toEqual([]);
    expect(code).toBe(0);
    expect(said.trimEnd().split("\n").at(-1)).toBe("verify: ok");
    expect(result?.kills).toBe(rounds);
    expect(result?.messages).toBeGreaterThanOrEqual(rounds * messages);
    expect(result?.deliveries).toBeGreaterThan(rounds * messages);
    expect(result?.archived).toBeGreaterThan(0);
    expect(result?.archive_rows).toBeGreaterThan(0);
    expect(result?.changes).toBeGreaterThan(0);
    expect(result?.evictions).toBeGreaterThan(0);
    expect(result?.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("checks a deployment that it was only given an address of, within its rate limit", { timeout: RUN_MS }, async () => {
    const product = await startProduct();
    try {
      const command = `${process.execPath} ${path.relative(process.cwd(), TOKEN_COMMAND)} ${product.url} {user}`;
      const { code, said, result } = await runVerify([
        "--url", product.wsUrl, "--token-command", command, "--seed", "5", "--rounds", "1", "--clients", "2", "--messages", "60",
      ]);
      expect(result?.violations, said).toEqual([]);
      expect(code).toBe(0);
      expect(result?.kills).toBe(0);
      expect(product.pids().runtime).not.toBeNull();
    } finally {
      await product.discard();
    }
  });

  test.each([
    ["an unknown option", ["--round", "3"], /Unknown option '--round'/],
    ["a number that is none", ["--rounds", "ten"], /--rounds must be a whole number from 1 to 10000/],
    ["an address without tokens", ["--url", "wss://chat.example.com"], /--url and --token-command go together/],
    ["a build that isn't there", ["--bundle", "/nowhere"], /it could not be checked/],
    ["a deployment that isn't there", ["--url", "ws://127.0.0.1:1", "--token-command", "echo token"], /it could not be checked/],
  ])("says what is wrong with %s, and exits with 2", { timeout: RUN_MS }, async (_name, args, message) => {
    const { code, said, result } = await runVerify(args);
    expect(said).toMatch(message);
    expect(code).toBe(2);
    expect(result).toBeNull();
  });
});

describe("a kill right after an ack", () => {
  let deployment: LocalDeployment;
  beforeAll(async () => {
    deployment = new LocalDeployment({ folder, bundles: [await sharedBundle()], busy: false });
    await deployment.start();
  });
  afterAll(async () => {
    await deployment.stop();
  });

  const kills = size("kills right after an ack", 10, 200);
  test(`[A4] within 1 ms of it loses no acknowledged message (${kills} kills)`, { timeout: 60_000 + kills * 15_000 }, async () => {
    await call(deployment, "bob", "GET", "/v1/conversations");
    const acks: Frame[] = [];
    for (let tries = 0, quick = 0; quick < kills; tries += 1) {
      expect(tries, "most kills must come within 1 ms").toBeLessThan(kills * 3);
      const { ack, killedAfterMs } = await ackThenKill(deployment, tries);
      expect(ack).toMatchObject({ type: "ack", client_msg_id: `kill-${tries}`, msg_id: expect.any(String), status: "SENT" });
      acks.push(ack);
      if (killedAfterMs < 1) quick += 1;
      await deployment.restore("runtime");
    }
    const history = await wholeHistory(deployment, "bob", String(acks[0]?.["conversation_id"]));
    expect(history.map(({ seq, msg_id, client_msg_id }) => ({ seq, msg_id, client_msg_id })))
      .toEqual(acks.map(({ msg_id, client_msg_id }, i) => ({ seq: i + 1, msg_id, client_msg_id })));
  });
});

/** Sends one message, and kills the runtime in the turn in which its ack arrives. */
async function ackThenKill(deployment: LocalDeployment, number: number): Promise<{ ack: Frame; killedAfterMs: number }> {
  return new Promise((resolve, reject) => {
    Socket.open(deployment, "ann", "phone", (frames, connection) => {
      const received = performance.now();
      const ack = frames.find((frame) => frame["type"] === "ack");
      if (ack !== undefined) {
        deployment.kill("runtime");
        resolve({ ack, killedAfterMs: performance.now() - received });
      } else if (frames[0]?.["type"] === "hello") {
        connection.write([{ type: "msg", to: "bob", content: `message ${number}`, client_msg_id: `kill-${number}` }]);
      }
    }).catch(reject);
  });
}

async function wholeHistory(deployment: LocalDeployment, user: string, conversationId: string): Promise<Frame[]> {
  const events: Frame[] = [];
  for (let cursor: string | null = "", query = "order=asc&limit=100"; cursor !== null; query = `order=asc&limit=100&cursor=${encodeURIComponent(String(cursor))}`) {
    const answer = await persist(() => call(deployment, user, "GET", `/v1/history/${conversationId}?${query}`), 30_000, ["archive_unavailable"]);
    expect(answer.status).toBe(200);
    const page = answer.body as { events: Frame[]; next_cursor: string | null };
    events.push(...page.events);
    cursor = page.next_cursor;
  }
  return events;
}
