// Lines between real objects: a busy group pushes over them, and nothing is lost or out of order when one end goes.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { metrics } from "../../durable-objects/platform/metrics.ts";
import { LINE_HEADER } from "../../protocol/line.ts";
import { conversation, Device, session } from "./objects.ts";

const opened = (): number => metrics()["lines_opened"] ?? 0;
const carried = (): number => metrics()["line_messages"] ?? 0;

class Group {
  readonly id: string;
  readonly sent: string[] = [];
  readonly devices: Device[];

  private constructor(id: string, devices: Device[]) {
    this.id = id;
    this.devices = devices;
  }

  static async open(name: string): Promise<Group> {
    const users = ["ann", "bob", "cat", "dan"].map((user) => `${name}-${user}`);
    const devices = await Promise.all(users.map((user) => Device.connect(user, "phone")));
    for (const user of users) await session(user).register(user);
    const id = `g.${[...new TextEncoder().encode(name)].map((byte) => byte.toString(16)).join("").padEnd(32, "0")}`;
    await conversation(id).create({
      conversation_id: id, creator_id: users[0] as string, title: "t", members: users.slice(1), max_members: 500, location_hint: null, jurisdiction: null,
    });
    return new Group(id, devices);
  }

  /** One after another, each once everybody of `others` has the one before. */
  async send(messages: number, others = this.devices.slice(1)): Promise<void> {
    for (let i = 0; i < messages; i += 1) {
      const key = `m${this.sent.length}`;
      this.sent.push(key);
      this.devices[0]?.send({ type: "msg", conversation_id: this.id, content: key, client_msg_id: key });
      await Promise.all(others.map((device) => device.until((one) => one.messages().includes(key))));
    }
  }

  /** Busy, with lines in use. */
  async warm(): Promise<void> {
    const [lines, messages] = [opened(), carried()];
    for (let i = 0; i < 20 && (opened() < lines + 3 || carried() < messages + 3); i += 1) await this.send(1);
    expect(opened()).toBeGreaterThanOrEqual(lines + 3);
    expect(carried()).toBeGreaterThanOrEqual(messages + 3);
  }
}

/** As a client shows it: each message once, where it came first. */
const shown = (device: Device): unknown[] => [...new Set(device.messages())];

test("[L1] a busy group of four pushes over lines, and every device has every message once and in order", async () => {
  const group = await Group.open("lbusy");
  await group.warm();
  const before = carried();
  // Fewer than a user may send at once.
  await group.send(8);
  expect(carried()).toBeGreaterThanOrEqual(before + 8);
  for (const device of group.devices.slice(1)) expect(device.messages()).toEqual(group.sent);
});

test("[L2] a conversation that dies with lines open loses nothing, and the order holds", async () => {
  const group = await Group.open("ldies");
  await group.warm();
  const lines = opened();
  await expect(runInDurableObject(conversation(group.id), (_object, state) => state.abort("on purpose"))).rejects.toThrow();
  await group.send(8);
  for (const device of group.devices.slice(1)) expect(shown(device)).toEqual(group.sent);
  // Its sessions take lines from its next life.
  expect(opened()).toBeGreaterThan(lines);
});

test("[L2] a session is evicted once its lines are closed, keeps its device, and gets a line again", { timeout: 30_000 }, async () => {
  const group = await Group.open("levict");
  await group.warm();
  await evictDurableObject(session("levict-bob"));
  await group.send(8);
  for (const device of group.devices.slice(1)) expect(shown(device)).toEqual(group.sent);
  expect(group.devices.every(({ closed }) => closed === null)).toBe(true);
});

test("[L4] who is removed gets nothing that is sent after the answer, though a line to them was in use", async () => {
  const group = await Group.open("lgone");
  await group.warm();
  const [, bob, cat, dan] = group.devices as [Device, Device, Device, Device];
  const before = [...group.sent];
  expect(await conversation(group.id).removeMember({ actor_id: null, user_id: "lgone-bob" })).toMatchObject({ ok: true });
  await group.send(10, [cat, dan]);
  expect(shown(bob)).toEqual(before);
  expect(shown(cat)).toEqual(group.sent);
});

test("[L5] once a group is quiet, its lines are closed from both ends, and the objects may sleep", { timeout: 30_000 }, async () => {
  const group = await Group.open("lquiet");
  await group.warm();
  await expect.poll(() => Promise.all([
    ...["bob", "cat", "dan"].map((user) => runInDurableObject(session(`lquiet-${user}`), (object) => (object as unknown as { lines: { size: number } }).lines.size)),
    runInDurableObject(conversation(group.id), (object) => (object as unknown as { life: { opened: { fanout: { lines: { size: number } } } } }).life.opened.fanout.lines.size),
  ]), { timeout: 20_000, interval: 250 }).toEqual([0, 0, 0, 0]);
});

test("[L4] a session takes a line from its own conversations alone: not for another user, another life or a conversation that it is not in", async () => {
  const group = await Group.open("lwho");
  const gen = await runInDurableObject(session("lwho-bob"), (object) => (object as unknown as { core: { gen: number } }).core.gen);
  const ask = async (given: object, headers: Record<string, string> = { Upgrade: "websocket" }): Promise<number> => {
    const response = await session("lwho-bob").fetch("https://session/line", { headers: { ...headers, [LINE_HEADER]: JSON.stringify(given) } });
    response.webSocket?.accept();
    response.webSocket?.close();
    return response.status;
  };
  const right = { conversation_id: group.id, user_id: "lwho-bob", gen };
  // The settle of the creation brings the row.
  await group.send(1);
  expect(await ask({ ...right, user_id: "lwho-cat" })).toBe(409);
  expect(await ask({ ...right, gen: gen + 1 })).toBe(409);
  expect(await ask({ ...right, conversation_id: `g.${"f".repeat(32)}` })).toBe(409);
  expect(await ask(right, {})).toBe(409);
  expect(await ask(right)).toBe(101);
});
