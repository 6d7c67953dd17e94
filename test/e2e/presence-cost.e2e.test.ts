// What presence costs: in a group of 500 that nobody looks at, nothing.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Presence } from "../../protocol/frames/presence.ts";
import { startProduct, type Product } from "../product.ts";
import { newUser, operator, until, untilSettled, type User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

const MEMBERS = 500;
/** The runtime lets an object sleep after ten seconds without an event. */
const ASLEEP_MS = 12_000;
const WIDTH = 50;
let product: Product;
let service: User;
let users: User[];
let sockets: RawSocket[];
let connectedAt: number;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  service = await operator(product);
  users = await inParallel(Array.from({ length: MEMBERS }, (_, i) => i), () => newUser(product, "member"));
  const [ann, ...others] = users as [User, ...User[]];
  const { conversation_id } = await ann.group(others);
  await untilSettled(service, conversation_id);
  sockets = await inParallel(users, (user) => user.socket({ device_id: "phone" }));
  connectedAt = Date.now();
});

afterAll(() => product.discard());

async function inParallel<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += WIDTH) results.push(...(await Promise.all(items.slice(start, start + WIDTH).map(call))));
  return results;
}

async function metrics(): Promise<Record<string, number>> {
  const counted = (await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body;
  const of = (name: string): number => counted[name] ?? 0;
  return { events: of("presence_events"), alarms: of("session_alarms"), wakes: of("wakes_session"), entries: of("presence_entries"), query_ms: of("presence_query_ms") };
}

const presenceFrames = (socket: RawSocket): number => socket.frames.filter((frame) => frame.type === "presence").length;

/** As clients do: who is silent for half a minute is not there. */
async function ping(some: readonly RawSocket[]): Promise<void> {
  await Promise.all(some.map((socket) => {
    socket.sendText("ping");
    return socket.take({ type: "pong" });
  }));
}

/** Leaves and comes back. */
async function toggle(i: number): Promise<void> {
  await sockets[i]?.close();
  sockets[i] = await (users[i] as User).socket({ device_id: "phone" });
}

test("[C3] [E5] 500 members come and go: no presence frame, no event and no alarm until one looks; then a snapshot and one event for each change; none any more when it ends", async () => {
  const ann = sockets[0] as RawSocket;
  const shown = users.slice(1, 201).map(({ name }) => name);
  const before = await metrics();
  for (let i = 1; i <= 20; i += 1) await toggle(i);
  expect(await metrics()).toMatchObject({ events: before["events"], alarms: before["alarms"] });
  expect(sockets.reduce((sum, socket) => sum + presenceFrames(socket), 0)).toBe(0);

  await ping(sockets);
  ann.send({ type: "presence_sub", users: shown });
  await until(async () => presenceFrames(ann), (count) => count === 200);
  expect(ann.frames.filter((frame) => frame.type === "presence").every((frame) => frame["status"] === "ONLINE")).toBe(true);
  for (let i = 1; i <= 10; i += 1) {
    await toggle(i);
    await until(async () => presenceFrames(ann), (count) => count >= 200 + 2 * i);
  }
  // Who is not among those looked at makes no event either.
  for (let i = 301; i <= 310; i += 1) await toggle(i);
  expect(presenceFrames(ann)).toBe(220);
  expect((await metrics())["events"]).toBe((before["events"] as number) + 20);

  ann.send({ type: "presence_unsub", users: shown });
  await until(async () => {
    const ended = (await metrics())["events"];
    await toggle(1);
    return (await metrics())["events"] === ended;
  }, (still) => still);
  const after = await metrics();
  for (let i = 2; i <= 20; i += 1) await toggle(i);
  expect((await metrics())["events"]).toBe(after["events"]);
});

test("[A15] 200 users in one request, as they are at this moment, in under a millisecond each", async () => {
  const ann = users[0] as User;
  const asked = users.slice(1, 201);
  const query = async (): Promise<Presence[]> => {
    const answer = await ann.call<{ presence: Presence[] }>("GET", `/v1/presence?users=${asked.map(({ name }) => name).join(",")}`);
    expect(answer.status).toBe(200);
    return answer.body.presence;
  };
  await ping(sockets);
  const each: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    const before = await metrics();
    expect((await query()).map(({ user_id, status }) => `${user_id} ${status}`)).toEqual(asked.map(({ name }) => `${name} ONLINE`));
    const after = await metrics();
    expect((after["entries"] as number) - (before["entries"] as number)).toBe(200);
    each.push(((after["query_ms"] as number) - (before["query_ms"] as number)) / 200);
  }
  // What it costs, and not what else the machine has to do.
  expect(Math.min(...each)).toBeLessThan(1);
  // Nothing is remembered: a change shows in the next answer.
  await sockets[7]?.close();
  expect((await query())[6]).toMatchObject({ user_id: users[7]?.name, status: "OFFLINE" });
  await toggle(7);
  expect((await query())[6]).toMatchObject({ status: "ONLINE" });
});

test("[C3] pings of hundreds of sleeping sessions wake none of them", async () => {
  await new Promise((resolve) => {
    setTimeout(resolve, connectedAt + ASLEEP_MS - Date.now());
  });
  const quiet = sockets.slice(320);
  const before = await metrics();
  await ping(quiet);
  expect(await metrics()).toMatchObject({ wakes: before["wakes"], events: before["events"] });
  // They do sleep: a frame wakes one.
  const [socket] = quiet as [RawSocket, ...RawSocket[]];
  const answer = socket.take({ type: "heartbeat" });
  socket.send({ type: "heartbeat", profile: "background" });
  await answer;
  expect((await metrics())["wakes"]).toBe((before["wakes"] as number) + 1);
});
