// Where no socket gets through: polls, and back.
import { afterEach, expect, test, vi } from "vitest";
import { connect, type ConfabClient, type ConnectOptions } from "../../client/client.ts";
import type { ChatEvent } from "../../client/timeline.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const words = (events: readonly ChatEvent[]) => events.flatMap((event) => (event.type === "msg" ? [event.content] : []));

async function server(): Promise<FakeServer> {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  return fake;
}

function person(fake: FakeServer, user_id: string, options: Partial<ConnectOptions> = {}): { chat: ConfabClient; events: ChatEvent[] } {
  const chat = connect({ url: fake.url, token: fakeToken(user_id), backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, times: { gap_grace_ms: 30 }, ...options });
  open.push(chat);
  const events: ChatEvent[] = [];
  chat.on("event", (event) => events.push(event));
  return { chat, events };
}

const transport = ({ state }: ConfabClient) => (state.kind === "open" ? state.transport : state.kind);

test("[A17] two refused upgrades while HTTP works: the client polls, sends, receives, and says what arrived", async () => {
  const fake = await server();
  fake.onUpgrade = (token) => (token === ann_token ? "upgrade_required" : null);
  const ann_token = fakeToken("ann");
  const [ann, bob] = [person(fake, "ann", { token: ann_token }), person(fake, "bob")];
  await soon(() => expect([transport(ann.chat), transport(bob.chat), ann.chat.listed, bob.chat.listed]).toEqual(["poll", "socket", true, true]));
  expect(ann.chat.user_id).toBe("ann");
  await ann.chat.send({ to: "bob" }, "by post").acked;
  await bob.chat.send({ to: "ann" }, "by socket").acked;
  await soon(() => expect(words(ann.events)).toEqual(["by post", "by socket"]));
  expect(words(bob.events)).toEqual(["by post", "by socket"]);
  await soon(() => expect(fake.texts.flat().some((frame) => frame.type === "receipt" && frame["up_to_seq"] === 2)).toBe(true));
});

test("[A17] once a socket gets through again it takes over: nothing is lost or doubled, whenever that happens", async () => {
  const fake = await server();
  let blocked = true;
  fake.onUpgrade = (token) => (token === ann_token && blocked ? "upgrade_required" : null);
  const ann_token = fakeToken("ann");
  const [ann, bob] = [person(fake, "ann", { token: ann_token, times: { gap_grace_ms: 30, socket_again_ms: 20 } }), person(fake, "bob")];
  await soon(() => expect([transport(ann.chat), transport(bob.chat), ann.chat.listed, bob.chat.listed]).toEqual(["poll", "socket", true, true]));
  const sendings: Promise<unknown>[] = [];
  for (let i = 0; i < 300; i++) {
    if (i === 60) blocked = false;
    if (i === 160) {
      blocked = true;
      fake.cut();
    }
    if (i === 220) blocked = false;
    sendings.push(ann.chat.send({ to: "bob" }, `ann ${i}`).acked, bob.chat.send({ to: "ann" }, `bob ${i}`).acked);
    await new Promise((resolve) => setImmediate(resolve));
    if (i % 20 === 0) await Promise.all(sendings);
    if (i === 80) await soon(() => expect(transport(ann.chat)).toBe("socket"));
    if (i === 180) await soon(() => expect(transport(ann.chat)).toBe("poll"));
  }
  await Promise.all(sendings);
  await soon(() => expect([ann.events.length, bob.events.length]).toEqual([600, 600]));
  expect(words(ann.events)).toEqual(words(bob.events));
  expect(words(ann.events).filter((word) => word.startsWith("ann"))).toEqual(Array.from({ length: 300 }, (_, i) => `ann ${i}`));
});

test("a token that polls are refused for is replaced, and a refusal by the server is final there too", async () => {
  const fake = await server();
  fake.onUpgrade = () => "upgrade_required";
  let serial = 0;
  const { chat } = person(fake, "ann", { token: () => fakeToken("ann", 3_600, ++serial) });
  await soon(() => expect(transport(chat)).toBe("poll"));
  await fake.stop();
  await soon(() => expect(chat.state.kind).toBe("waiting"));
  fake.onRequest = () => "deactivated";
  await fake.start();
  await soon(() => expect(chat.state).toMatchObject({ kind: "refused", error: { code: "deactivated" } }));
});

test("when its surroundings change a held poll is asked anew: the old one's line may be dead", async () => {
  const fake = await server();
  fake.onUpgrade = () => "upgrade_required";
  const { chat } = person(fake, "ann");
  const held = () => fake.requests.filter((request) => request.includes("wait=25000")).length;
  await soon(() => expect([transport(chat), held()]).toEqual(["poll", 1]));
  chat.wake();
  await soon(() => expect(held()).toBe(2));
  expect(transport(chat)).toBe("poll");
});
