// Presence in real time: 30 seconds are 30 seconds here, so the slow ones run side by side.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Presence } from "../../protocol/frames/presence.ts";
import type { UserSessions } from "../../protocol/rpc/presence.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, untilSettled, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;

beforeAll(async () => {
  // What is archived is gone from the hot log at once, so that history shows the archive.
  product = await startProduct({ env: { CONFAB_SEAL_AFTER_MS: "100", CONFAB_HOT_EVENTS: "0", CONFAB_HOT_DAYS: "0" } });
});

afterAll(() => product.discard());

const at = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms - Date.now());
});

/** Two who have written to each other. */
async function pair(): Promise<{ ann: User; bob: User }> {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const { conversation_id } = await ann.send(bob, "hi");
  await untilSettled(await operator(product), conversation_id);
  return { ann, bob };
}

async function presenceOf(asker: User, ...users: User[]): Promise<Presence[]> {
  const answer = await asker.call<{ presence: Presence[] }>("GET", `/v1/presence?users=${users.map(({ name }) => name).join(",")}`);
  expect(answer.status).toBe(200);
  return answer.body.presence;
}

const statusOf = async (asker: User, user: User): Promise<string> => (await presenceOf(asker, user))[0]?.status ?? "";

async function beat(socket: RawSocket): Promise<number> {
  socket.sendText("ping");
  const now = Date.now();
  await socket.take({ type: "pong" });
  return now;
}

async function profile(socket: RawSocket, name: string): Promise<Frame> {
  const answer = socket.take({ type: "heartbeat" });
  socket.send({ type: "heartbeat", profile: name });
  return answer;
}

async function sessionsOf(service: User, user: User): Promise<UserSessions> {
  return (await service.call<UserSessions>("GET", `/v1/admin/users/${user.name}/sessions`)).body;
}

/** Asks as the operator, who has no rate limit, until OFFLINE; ms after `since`. */
async function silentFor(user: User, since: number): Promise<number> {
  const service = await operator(product);
  await until(() => sessionsOf(service, user), ({ status }) => status === "OFFLINE", 60_000);
  return Date.now() - since;
}

describe.concurrent("in real time", () => {
  const profiles = inject("long") ? ["foreground", "steady", "background"] : ["foreground", "steady"];
  test.each(profiles)("[A13] [B10] [C4] [E4] %s: ONLINE until its limit after the last ping, OFFLINE within 2 s, ONLINE with the next ping", async (name) => {
    const { ann, bob } = await pair();
    const socket = await bob.socket({ silent: true });
    const { ttl_ms } = await profile(socket, name) as Frame & { ttl_ms: number };
    expect(ttl_ms).toBe(name === "background" ? 60_000 : 30_000);
    const last = await beat(socket);
    await at(last + ttl_ms - 5_000);
    expect(await statusOf(ann, bob)).toBe("ONLINE");
    const silent = await silentFor(bob, last);
    expect(silent).toBeGreaterThanOrEqual(ttl_ms - 50);
    expect(silent).toBeLessThan(ttl_ms + 2_000);
    const [seen] = await presenceOf(ann, bob);
    expect(seen?.status).toBe("OFFLINE");
    expect(Math.abs((seen?.last_seen ?? 0) - last)).toBeLessThan(500);
    // Nobody was watching: the socket is still there, and its next ping is enough.
    await beat(socket);
    expect(await statusOf(ann, bob)).toBe("ONLINE");
  });

  test("[D9] a client that is stopped is closed with 4008 within its limit plus 2 s where somebody watches, and they hear of it", async () => {
    const { ann, bob } = await pair();
    const client = spawn(process.execPath, ["--input-type=module", "-e", CLIENT, `${product.wsUrl}/v1/ws?device_id=phone`, bob.token], { stdio: ["ignore", "pipe", "inherit"] });
    const said = lines(client.stdout);
    expect(await said.next()).toBe("hello");
    const watcher = await ann.socket();
    const first = watcher.take({ type: "presence", user_id: bob.name });
    watcher.send({ type: "presence_sub", users: [bob.name] });
    expect((await first)["status"]).toBe("ONLINE");
    client.kill("SIGSTOP");
    const last = (await presenceOf(ann, bob))[0]?.last_seen as number;
    const heard = until(async () => watcher.frames.findLast((frame) => frame.type === "presence"), (frame) => frame?.["status"] === "OFFLINE", 40_000);
    await heard;
    const after = Date.now() - last;
    expect(after).toBeGreaterThanOrEqual(29_900);
    expect(after).toBeLessThan(32_000);
    client.kill("SIGCONT");
    expect(await said.next()).toBe("closed 4008");
    await once(client, "exit");
  });
});

/** A client that pings twice a second, and says what it gets. */
const CLIENT = `
  import WebSocket from "ws";
  const [url, token] = process.argv.slice(1);
  const socket = new WebSocket(url, ["chat.v1.json"], { headers: { authorization: "Bearer " + token } });
  socket.on("message", (data) => {
    if (!String(data).includes("hello")) return;
    console.log("hello");
    setInterval(() => socket.send("ping"), 500);
  });
  socket.on("close", (code) => {
    console.log("closed " + code);
    process.exit(0);
  });
`;

function lines(stream: NodeJS.ReadableStream): { next(): Promise<string> } {
  const ready: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  stream.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().split("\n").filter((text) => text !== "")) {
      const next = waiting.shift();
      if (next === undefined) ready.push(line);
      else next(line);
    }
  });
  return {
    next: () => new Promise((resolve) => {
      const line = ready.shift();
      if (line === undefined) waiting.push(resolve);
      else resolve(line);
    }),
  };
}

test("[A14] a clean close is OFFLINE at once, with that moment as last_seen; with two devices closing one changes nothing", async () => {
  const { ann, bob } = await pair();
  const watcher = await ann.socket();
  const [phone, laptop] = [await bob.socket({ device_id: "phone" }), await bob.socket({ device_id: "laptop" })];
  const first = watcher.take({ type: "presence" });
  watcher.send({ type: "presence_sub", users: [bob.name] });
  expect(await first).toMatchObject({ user_id: bob.name, status: "ONLINE" });
  await phone.close();
  expect(await statusOf(ann, bob)).toBe("ONLINE");
  const closedAt = Date.now();
  const told = watcher.take({ type: "presence", status: "OFFLINE" });
  await laptop.close();
  const { last_seen } = await told as Frame & { last_seen: number };
  expect(Date.now() - closedAt).toBeLessThan(1_000);
  expect(last_seen - closedAt).toBeGreaterThanOrEqual(-20);
  expect(last_seen - closedAt).toBeLessThan(1_000);
  expect(await presenceOf(ann, bob)).toEqual([{ user_id: bob.name, status: "OFFLINE", last_seen }]);
  const back = watcher.take({ type: "presence", status: "ONLINE" });
  await bob.socket();
  await back;
  expect(watcher.frames.filter((frame) => frame.type === "presence").map((frame) => frame["status"])).toEqual(["ONLINE", "OFFLINE", "ONLINE"]);
});

test("[A16] one socket carries messages, receipts, presence and typing; of typing nothing is in history or archive", async () => {
  const { ann, bob } = await pair();
  const [mine, theirs] = [await ann.socket(), await bob.socket()];
  const ack = await mine.ask({ type: "msg", to: bob.name, content: "one", client_msg_id: "one" });
  const { conversation_id } = ack as Frame & { conversation_id: string };
  const service = await operator(product);
  await theirs.take({ type: "msg", content: "one" });
  theirs.send([{ type: "open", conversation_id }, { type: "presence_sub", users: [ann.name] }]);
  expect(await theirs.take({ type: "presence" })).toMatchObject({ user_id: ann.name, status: "ONLINE" });
  await until(() => statsOf(service, conversation_id), ({ viewers }) => viewers === 1);
  mine.send({ type: "typing", conversation_id, on: true });
  expect(await theirs.take({ type: "typing" })).toEqual({ type: "typing", conversation_id, user_id: ann.name, on: true });
  mine.send({ type: "typing", conversation_id, on: false });
  expect(await theirs.take({ type: "typing" })).toMatchObject({ on: false });
  theirs.send({ type: "receipt", conversation_id, up_to_seq: ack["seq"], status: "READ" });
  expect(await mine.take({ type: "status", status: "READ" })).toMatchObject({ user_id: bob.name, up_to_seq: ack["seq"] });
  const stats = await until(() => statsOf(service, conversation_id), ({ pruned_seq, head_seq }) => pruned_seq === head_seq);
  expect(stats.head_seq).toBe(2);
  expect((await bob.history(conversation_id)).map((event) => [event.type, event.seq])).toEqual([["msg", 1], ["msg", 2]]);
  await theirs.close();
  await mine.close();
});

test("[D13] [E4] the operator sees status, last_active, and where each device is", async () => {
  const { bob } = await pair();
  const service = await operator(product);
  expect(await sessionsOf(service, bob)).toMatchObject({ user_id: bob.name, status: "OFFLINE", last_active: null, devices: [] });
  const connectedAt = Date.now();
  const [phone, laptop] = [await bob.socket({ device_id: "phone" }), await bob.socket({ device_id: "laptop" })];
  await profile(laptop, "background");
  const last = await beat(phone);
  const { status, last_active, object_id, devices } = await sessionsOf(service, bob);
  expect([status, object_id]).toEqual(["ONLINE", expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(devices.map(({ device_id, profile: pace }) => `${device_id} ${pace}`).toSorted()).toEqual(["laptop background", "phone foreground"]);
  for (const device of devices) {
    expect(device.server_id).toMatch(/^[0-9a-f-]{36}$/);
    for (const time of [device.connected_at, device.last_heartbeat]) expect(time - connectedAt).toBeGreaterThanOrEqual(-20);
  }
  const beaten = devices.find(({ device_id }) => device_id === "phone")?.last_heartbeat ?? 0;
  expect(Math.abs(beaten - last)).toBeLessThan(500);
  expect(last_active).toBe(Math.max(...devices.map(({ last_heartbeat }) => last_heartbeat)));
  expect(codeOf(await service.call("GET", "/v1/admin/users/nobody-there/sessions"))).toBe("404 not_found");
  expect(codeOf(await bob.call("GET", `/v1/admin/users/${bob.name}/sessions`))).toBe("403 forbidden");
});

test("[S] presence of strangers and of nobody is the same, and what can't be asked is refused", async () => {
  const { ann, bob } = await pair();
  const eve = await newUser(product, "eve");
  await bob.socket();
  const answers = await eve.call<{ presence: Presence[] }>("GET", `/v1/presence?users=${bob.name},nobody-at-all,${ann.name}`);
  expect(answers.body).toEqual({ presence: [bob.name, "nobody-at-all", ann.name].map((user_id) => ({ user_id, status: "OFFLINE", last_seen: null })) });
  for (const query of ["", "?users=", "?users=a,,b", "?users=a%20b", `?users=${Array.from({ length: 201 }, (_, i) => `u${i}`).join(",")}`]) {
    expect(codeOf(await eve.call("GET", `/v1/presence${query}`)), query.slice(0, 20)).toBe("400 bad_request");
  }
  const socket = await eve.socket();
  for (const users of [[], Array.from({ length: 201 }, (_, i) => `u${i}`), ["a b"], "bob"]) {
    expect(await socket.refused(JSON.stringify({ type: "presence_sub", users }))).toMatchObject({ code: "bad_frame" });
  }
  expect(await socket.refused(JSON.stringify({ type: "heartbeat", profile: "never" }))).toMatchObject({ code: "bad_frame" });
});

test("[P] subscriptions to thousands are rate_limited as a whole, and say when to come back", async () => {
  const eve = await newUser(product, "eve");
  const socket = await eve.socket();
  const users = Array.from({ length: 200 }, (_, i) => `nobody-${i}`);
  socket.send(Array.from({ length: 7 }, () => ({ type: "presence_sub", users })));
  const error = await socket.take({ type: "error" });
  expect(error).toMatchObject({ code: "rate_limited", retryable: true });
  expect(error["retry_after_ms"]).toBeGreaterThan(0);
  await until(async () => socket.frames.filter((frame) => frame.type === "presence").length, (count) => count >= 1_000);
  expect(socket.frames.filter((frame) => frame.type === "presence").length).toBeLessThanOrEqual(1_200);
});
