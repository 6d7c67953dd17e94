// `npm start` as its user meets it: one line when it can't, nothing left when it ends, data that stays, and a
// recovery from every process that dies.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/ports.ts";
import { StartEnded, startProduct, type Product, type ProductOptions } from "../product.ts";
import { Device } from "../product/device.ts";
import { isAlive, untilGone } from "../product/processes.ts";

const running: Product[] = [];

async function start(options: ProductOptions = {}): Promise<Product> {
  const product = await startProduct(options);
  running.push(product);
  return product;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((product) => product.discard()));
});

async function refusal(options: ProductOptions): Promise<StartEnded> {
  const error: unknown = await start(options).then(() => new Error("it started"), (reason: unknown) => reason);
  if (error instanceof StartEnded) return error;
  throw error;
}

async function health(product: Product, port = product.ports[0]): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/health`);
  return answer.json();
}

async function send(product: Product, from: string, to: string, content: string): Promise<string> {
  const answer = await fetch(`${product.url}/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${await product.token(from)}`, "content-type": "application/json" },
    body: JSON.stringify({ to, content, client_msg_id: `${from}-${content}` }),
  });
  const ack = await answer.json() as { conversation_id: string };
  expect(answer.status).toBe(201);
  return ack.conversation_id;
}

async function contents(product: Product, reader: string, conversation: string): Promise<string[]> {
  const answer = await fetch(`${product.url}/v1/history/${conversation}?order=asc`, {
    headers: { authorization: `Bearer ${await product.token(reader)}` },
  });
  expect(answer.status).toBe(200);
  const page = await answer.json() as { events: { type: string; content?: string }[] };
  return page.events.filter((event) => event.type === "msg").map((event) => event.content ?? "");
}

async function conversationWith(product: Product, ...messages: string[]): Promise<string> {
  await product.token("bob");
  let conversation = "";
  for (const message of messages) conversation = await send(product, "ann", "bob", message);
  return conversation;
}

function livePids(product: Product): number[] {
  return Object.values(product.pids()).filter((pid) => pid !== null);
}

describe("refusals are one line and exit code 1", () => {
  test("a port that is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => { other.close(); });
    const { port } = other.address() as AddressInfo;
    const { code, output } = await refusal({ env: { PORTS: String(port) } });
    expect(output).toBe(`confab: port ${port} is taken; stop what listens there or choose another PORT`);
    expect(code).toBe(1);
  });

  test("a DATA_DIR that is in use", async () => {
    const first = await start();
    const { code, output } = await refusal({ dataDir: first.dataDir });
    expect(output).toBe(`confab: DATA_DIR ${first.dataDir} is in use by another start (process ${first.pids().start}); stop it or choose another DATA_DIR`);
    expect(code).toBe(1);
    expect(await health(first)).toEqual({ ok: true });
  });

  test.each([
    ["a port that is none", { PORTS: "80a" }, "confab: PORTS must be a port from 1 to 65535, not \"80a\""],
    ["an unknown environment", { ENVIRONMENT: "staging" }, "confab: ENVIRONMENT must be development or production, not \"staging\""],
  ])("%s", async (_name, env, line) => {
    const { code, output } = await refusal({ env });
    expect([output, code]).toEqual([line, 1]);
  });

  test("a DATA_DIR that can't be written", async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "confab-")), "file");
    writeFileSync(file, "");
    const { code, output } = await refusal({ dataDir: file });
    expect(output).toMatch(/^confab: DATA_DIR \S+file can't be used: .+$/);
    expect(code).toBe(1);
  });
});

describe("stop and start", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends every process and exits with 0", async (signal) => {
    const product = await start();
    const pids = livePids(product);
    expect(pids).toHaveLength(4);
    process.kill(product.pids().start ?? 0, signal);
    await product.untilLine(/^stopped$/);
    await untilGone(pids);
    expect(await product.stop()).toBe(0);
  });

  test("a second start finds the messages of the first", async () => {
    const product = await start();
    const conversation = await conversationWith(product, "one", "two");
    await product.restart();
    expect(await contents(product, "bob", conversation)).toEqual(["one", "two"]);
  });

  test("keys are made once, for their owner's eyes, and tokens survive a restart", async () => {
    const product = await start();
    const token = await product.token("ann");
    expect(statSync(path.join(product.dataDir, "secrets.json")).mode & 0o777).toBe(0o600);
    await product.restart();
    const answer = await fetch(`${product.url}/v1/conversations`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  });

  test("[A18] a data folder from before there were files gets the store's keys at its next start, and keeps the others", async () => {
    const product = await start();
    const file = path.join(product.dataDir, "secrets.json");
    const made = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    const older = Object.fromEntries(Object.entries(made).filter(([name]) => !name.startsWith("MEDIA_")));
    expect(Object.keys(older)).toHaveLength(4);
    writeFileSync(file, JSON.stringify(older));
    await product.restart();
    const kept = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    expect(kept).toMatchObject(older);
    expect(Object.keys(kept).toSorted()).toEqual(Object.keys(made).toSorted());
    const answer = await fetch(`${product.url}/cdn-cgi/local/r2/s3/confab-media/up/none`);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("<Code>InvalidArgument</Code>")]);
  });

  test("a killed start takes its children with it", async () => {
    const product = await start();
    const pids = livePids(product);
    process.kill(product.pids().start ?? 0, "SIGKILL");
    await untilGone(pids);
  });

  test("a product started by a test ends when the test process is killed", async () => {
    const script = `
      import { startProduct } from ${JSON.stringify(new URL("../product.ts", import.meta.url).href)};
      const product = await startProduct();
      console.log(JSON.stringify(product.pids()));`;
    const parent = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => { parent.kill("SIGKILL"); });
    const [line] = await once(createInterface({ input: parent.stdout }), "line") as [string];
    const pids = Object.values(JSON.parse(line) as Record<string, number>);
    expect(pids.filter(isAlive)).toHaveLength(4);
    parent.kill("SIGKILL");
    await untilGone(pids);
  });
});

describe("recovery", () => {
  test("a killed runtime is replaced and finds the messages", async () => {
    const product = await start();
    const conversation = await conversationWith(product, "kept");
    const before = product.pids();
    product.killRuntime();
    await product.untilLine(/^edge down: the runtime died/);
    await product.untilLine(/^edge back after /);
    const after = product.pids();
    expect(after.edge).toBe(before.edge);
    expect(after.runtime).not.toBe(before.runtime);
    expect(await contents(product, "bob", conversation)).toEqual(["kept"]);
  });

  test.each(["edge", "archiver"] as const)("a killed %s is replaced", async (role) => {
    const product = await start();
    const before = product.pids();
    process.kill(before[role] ?? 0, "SIGKILL");
    await product.untilLine(new RegExp(`^${role} down: killed by SIGKILL`));
    await product.untilLine(new RegExp(`^${role} back after `));
    const after = product.pids();
    expect(after[role]).not.toBe(before[role]);
    expect(after[role]).not.toBeNull();
    expect(before.runtime !== null && role === "edge" && isAlive(before.runtime)).toBe(false);
    expect(await health(product)).toEqual({ ok: true });
  });

  test("after SIGKILL of the whole tree the next start has every message", async () => {
    const product = await start();
    const conversation = await conversationWith(product, "a", "b", "c");
    await product.killTree("SIGKILL");
    await product.restart();
    expect(await contents(product, "ann", conversation)).toEqual(["a", "b", "c"]);
  });

  test("a start ends the runtime that an earlier one left behind", async () => {
    // Without setpriv on the path the kernel does not end the runtime with its parent.
    const product = await start({ env: { PATH: "/nowhere" } });
    const conversation = await conversationWith(product, "kept");
    const { start: starter, edge, runtime, archiver } = product.pids();
    // Stopped first: one that saw its edge die before its own end would begin another, which ends the runtime.
    process.kill(starter ?? 0, "SIGSTOP");
    for (const pid of [edge, starter]) process.kill(pid ?? 0, "SIGKILL");
    await untilGone([edge, starter, archiver].filter((pid) => pid !== null));
    expect(await health(product)).toEqual({ ok: true });
    expect(product.pids().runtime).toBe(runtime);
    await product.restart();
    expect(product.lines).toContain(`ended the runtime that an earlier start left behind (process ${runtime})`);
    expect(await contents(product, "bob", conversation)).toEqual(["kept"]);
  });

  test("a pid file that names somebody else's process by now ends nothing", async () => {
    const product = await start();
    await product.stop();
    const bystander = spawn("sleep", ["60"], { stdio: "ignore" });
    onTestFinished(() => { bystander.kill("SIGKILL"); });
    for (const role of ["edge", "runtime", "archiver"]) {
      writeFileSync(path.join(product.dataDir, "run", `${role}.pid`), `${bystander.pid}\n`);
    }
    await product.restart();
    expect(bystander.exitCode).toBeNull();
    expect(isAlive(bystander.pid ?? 0)).toBe(true);
  });
});

describe("what it serves and says", () => {
  test("the page with its headers, the Worker behind it, where everything is, and last of all that it is ready", async () => {
    const product = await start();
    expect(product.lines.at(-1)).toBe(`ready ${product.url}`);
    expect(product.lines).toContain(`archiver ${product.archiverUrl}`);
    expect((await fetch(`${product.archiverUrl}/health`)).status).toBe(200);
    const page = await fetch(`${product.url}/`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect((await fetch(`${product.url}/main.js`)).headers.get("content-type")).toMatch(/javascript/);
    expect(await health(product)).toEqual({ ok: true });
  });

  test("with Cassandra down it is ready all the same, and chat works", async () => {
    const product = await start({ env: { CASSANDRA_CONTACT_POINTS: "127.0.0.1", CASSANDRA_PORT: String(await freePort()) } });
    const conversation = await conversationWith(product, "stored");
    expect(await contents(product, "bob", conversation)).toEqual(["stored"]);
  });

  test("in production nobody gets a development token", async () => {
    const product = await start({ env: { ENVIRONMENT: "production" } });
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${product.url}/dev/token`, { method: "POST", headers, body: JSON.stringify({ user_id: "ann" }) });
    expect((await ask({})).status).toBe(403);
    expect((await ask({ "x-forwarded-proto": "https" })).status).toBe(404);
  });
});

describe("front doors", () => {
  test("[A26] a session that was cut at one port resumes at the other, without cookies", async () => {
    const product = await start({ doors: 2 });
    const [first = 0, second = 0] = product.ports;
    expect(product.lines).toContain(`also http://127.0.0.1:${second}`);
    const token = await product.token("bob");
    const before = await Device.connect(first, token);
    const conversation = await conversationWith(product, "seen");
    const seen = await before.until((frame) => frame["type"] === "msg");
    expect(seen["content"]).toBe("seen");
    before.cut();
    await send(product, "ann", "bob", "missed-1");
    await send(product, "ann", "bob", "missed-2");

    const after = await Device.connect(second, token);
    after.send({ type: "resume", cursors: { [conversation]: { epoch: seen["epoch"], seq: seen["seq"] } }, user_seq: 0 });
    await after.until((frame) => frame["content"] === "missed-2");
    const messages = after.frames.filter((frame) => frame["type"] === "msg");
    expect(messages.map((frame) => frame["content"])).toEqual(["missed-1", "missed-2"]);
    expect(messages.map((frame) => frame["seq"])).toEqual([2, 3]);
    after.cut();
  });
});
