// A group that grows over both thresholds and shrinks again, over real sockets: who gets bodies, who is told, who asks.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import { decodeNotify } from "../../protocol/frames/notify.ts";
import { startProduct, type Product } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: {
    CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200", CONFAB_FANOUT_WRITE_MAX: "3", CONFAB_FANOUT_WRITE_AGAIN: "2",
    CONFAB_FANOUT_READ_MAX: "6", CONFAB_FANOUT_READ_AGAIN: "5",
  } });
  service = await operator(product);
});

afterAll(() => product.discard());

const users = (count: number): Promise<User[]> => Promise.all(Array.from({ length: count }, () => newUser(product, "mode")));
const put = (actor: User, group: string, user: User) => actor.call("PUT", `/v1/conversations/${group}/members/${user.name}`);
const remove = (actor: User, group: string, user: User) => actor.call("DELETE", `/v1/conversations/${group}/members/${user.name}`);
const modeOf = async (group: string): Promise<string> => (await statsOf(service, group)).mode;
const settled = (group: string) => until(() => statsOf(service, group), (stats) => stats.lagging === 0 && Math.max(stats.told_seq, stats.fanout_seq) === stats.head_seq);
const contents = (socket: RawSocket): unknown[] => socket.frames.filter((frame) => frame.type === "msg").map((frame) => frame["content"]);
const metrics = async (): Promise<Record<string, number>> => (await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body;

function notified(socket: RawSocket): { handle: string; seq: number }[] {
  return socket.frames.filter((frame) => frame.type === "binary").map((frame) => {
    const bytes = frame["bytes"] as Buffer;
    expect(bytes.length).toBe(16);
    return decodeNotify(bytes) as { handle: string; seq: number };
  });
}

/** A frame that tells this device of a head, in whatever way. */
const tells = (seq: number) => (frame: Frame): boolean => frame.type === "binary" && decodeNotify(frame["bytes"] as Buffer)?.seq === seq;

test("[B13] the mode follows the number of members over both thresholds, up and down, each with a distance", async () => {
  const [ann, ...others] = await users(8) as [User, ...User[]];
  const group = (await ann.group(others.slice(0, 2))).conversation_id;
  const seen: string[] = [`3 ${await modeOf(group)}`];
  for (const [i, user] of others.slice(2).entries()) {
    await put(ann, group, user);
    seen.push(`${4 + i} ${await modeOf(group)}`);
  }
  for (const [i, user] of others.slice(1).toReversed().entries()) {
    await remove(ann, group, user);
    seen.push(`${7 - i} ${await modeOf(group)}`);
  }
  expect(seen).toEqual([
    "3 write", "4 read", "5 read", "6 read", "7 pubsub", "8 pubsub",
    "7 pubsub", "6 pubsub", "5 read", "4 read", "3 read", "2 write",
  ]);
  expect((await metrics())["mode_changes"]).toBeGreaterThanOrEqual(4);
});

test("[A10] [C5] above the threshold a message writes to no member; who is online is told in 16 bytes, who looks gets the body", async () => {
  const [ann, bob, cat, dan, eve] = await users(5) as [User, User, User, User, User];
  const group = (await ann.group([bob, cat, dan, eve])).conversation_id;
  expect(await modeOf(group)).toBe("read");
  await settled(group);
  const [bobs, cats, dans] = [await bob.socket({ device_id: "b" }), await cat.socket({ device_id: "c" }), await dan.socket({ device_id: "d" })];
  bobs.send({ type: "open", conversation_id: group });
  // The answer says how far the conversation is.
  expect(await bobs.take({ type: "sync_required" })).toMatchObject({ conversations: [{ conversation_id: group, head_seq: 1 }] });
  await until(() => statsOf(service, group), (stats) => stats.attached === 3);
  const before = await metrics();
  for (const content of ["one", "two", "three"]) await ann.send(group, content);
  await Promise.all([bobs.take({ type: "msg", seq: 4 }), cats.take(tells(4)), dans.take(tells(4))]);
  await settled(group);
  const after = await metrics();
  expect(contents(bobs)).toEqual(["one", "two", "three"]);
  expect(notified(bobs)).toEqual([]);
  expect([contents(cats), contents(dans)]).toEqual([[], []]);
  const row = async (user: User) => (await user.call<{ conversations: { conversation_id: string; handle: string; unread: number; head_seq: number; mode: string }[] }>("GET", "/v1/conversations")).body.conversations[0];
  expect(new Set(notified(cats).map(({ handle }) => handle))).toEqual(new Set([(await row(cat))?.handle]));
  // Three events with their keys, how far those online were told, and the alarm: nothing for any of the five members.
  expect((after["rows_written"] ?? 0) - (before["rows_written"] ?? 0)).toBeLessThanOrEqual(3 * 2 + 4);
  expect((after["settles"] ?? 0) - (before["settles"] ?? 0)).toBe(0);

  // Who opens it gets what came since their cursor, and the list counts it.
  expect(await row(eve)).toMatchObject({ unread: 3, head_seq: 4, mode: "read" });
  const eves = await eve.socket({ device_id: "e" });
  eves.send([{ type: "open", conversation_id: group }, { type: "resume", cursors: { [group]: { epoch: 1, seq: 1 } } }]);
  await eves.take({ type: "msg", seq: 4 });
  expect(contents(eves)).toEqual(["one", "two", "three"]);
  eves.send({ type: "close", conversation_id: group });
  await until(() => statsOf(service, group), (stats) => stats.viewers === 1);
  await ann.send(group, "four");
  await Promise.all([bobs.take({ type: "msg", seq: 5 }), eves.take(tells(5))]);
  for (const socket of [bobs, cats, dans, eves]) socket.cut();
});

test("[E6] in all three modes: live for whoever looks, the others pull when they come back, and nothing is lost", async () => {
  const [ann, bob, cat, dan, ...more] = await users(7) as [User, User, User, User, ...User[]];
  const group = (await ann.group([bob, cat])).conversation_id;
  await settled(group);
  const [bobs, first] = [await bob.socket({ device_id: "b" }), await dan.socket({ device_id: "d" })];
  bobs.send({ type: "open", conversation_id: group });
  await until(() => statsOf(service, group), (stats) => stats.viewers === 1);
  await ann.send(group, "in write");
  await put(ann, group, dan);
  await first.take({ type: "member_added", seq: 3 });
  await ann.send(group, "in read");
  await first.take(tells(4));
  for (const user of more) await put(ann, group, user);
  expect(await modeOf(group)).toBe("pubsub");
  await ann.send(group, "in pubsub");
  await bobs.take({ type: "msg", content: "in pubsub" });
  await settled(group);
  expect(first.frames.filter((frame) => frame.type === "binary").length).toBeLessThan(5);
  first.cut();

  // Who comes back asks for heads and pulls; who was never told has lost nothing.
  for (const user of [cat, dan]) {
    const socket = await user.socket({ device_id: "again" });
    const since = user === dan ? 3 : 1;
    socket.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: since } } });
    await socket.take({ type: "msg", content: "in pubsub" });
    const wanted = user === dan ? ["in read", "in pubsub"] : ["in write", "in read", "in pubsub"];
    expect(contents(socket)).toEqual(wanted);
    socket.cut();
  }
  // Back again: everybody is settled from where they are.
  for (const user of [...more, dan]) await remove(ann, group, user);
  await remove(ann, group, cat);
  expect(await modeOf(group)).toBe("write");
  await settled(group);
  await ann.send(group, "in write again");
  await bobs.take({ type: "msg", content: "in write again" });
  expect(contents(bobs)).toEqual(["in write", "in read", "in pubsub", "in write again"]);
  const heads = (await bob.call<{ conversations: { unread: number; mode: string }[] }>("GET", "/v1/conversations")).body.conversations[0];
  expect(heads).toMatchObject({ unread: 4, mode: "write" });
  expect((await bob.history(group)).map((event: Event) => event.seq)).toEqual(Array.from({ length: (await statsOf(service, group)).head_seq }, (_, i) => i + 1));
  bobs.cut();
});
