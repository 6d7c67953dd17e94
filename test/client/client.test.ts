import { afterEach, describe, expect, test, vi } from "vitest";
import { type ClientEvents, connect, type ConfabClient, type ConnectOptions } from "../../client/client.ts";
import { MemoryOutboxStore } from "../../client/outbox-store.ts";
import type { ChatEvent } from "../../client/timeline.ts";
import { errorBody } from "../../protocol/errors.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function server(): Promise<FakeServer> {
  const started = await new FakeServer().start();
  open.push({ close: () => started.stop() });
  return started;
}

interface Person {
  chat: ConfabClient;
  events: ChatEvent[];
  errors: ClientEvents["error"][];
}

async function person(fake: FakeServer, user_id: string, options: Partial<ConnectOptions> = {}): Promise<Person> {
  const chat = connect({
    url: fake.url, token: fakeToken(user_id), user_id,
    backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, times: { gap_grace_ms: 30 },
    ...options,
  });
  open.push(chat);
  const [events, errors]: [ChatEvent[], ClientEvents["error"][]] = [[], []];
  chat.on("event", (event) => events.push(event));
  chat.on("error", (error) => errors.push(error));
  await soon(() => expect(chat.state.kind).toBe("open"));
  // The resume comes once the list is read: from then on nothing new is missed.
  await soon(() => expect(fake.texts.flat().some((frame) => frame.type === "resume")).toBe(true));
  return { chat, events, errors };
}

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 5 });
const words = (events: readonly object[]) => events.flatMap((event) => ("content" in event ? [event.content] : []));
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);
const pulls = (fake: FakeServer) => fake.requests.filter((request) => request.includes("/v1/history/"));

describe("two people", () => {
  test("[A1] exchange 100 messages each: each sees all, once, in one order", async () => {
    const fake = await server();
    const [ann, bob] = [await person(fake, "ann"), await person(fake, "bob")];
    for (const content of numbered(100)) {
      ann.chat.send({ to: "bob" }, `ann ${content}`);
      bob.chat.send({ to: "ann" }, `bob ${content}`);
    }
    await soon(() => expect([ann.events.length, bob.events.length]).toEqual([200, 200]));
    expect(words(ann.events)).toEqual(words(bob.events));
    expect(words(ann.events).filter((word) => String(word).startsWith("bob"))).toEqual(numbered(100).map((content) => `bob ${content}`));
  });

  test("a message's state goes from PENDING to SENT, and the event takes its place", async () => {
    const fake = await server();
    const { chat, events } = await person(fake, "ann");
    const states: string[] = [];
    chat.on("sending", ({ state }) => states.push(state));
    const sending = chat.send({ to: "bob" }, "Hi!");
    const id = chat.directId("bob") as string;
    expect(chat.unsettled(id)).toEqual([sending]);
    expect(await sending.acked).toMatchObject({ conversation_id: id, seq: 1 });
    await soon(() => expect(events).toHaveLength(1));
    expect(states).toEqual(["PENDING", "SENT"]);
    expect(events[0]).toMatchObject({ type: "msg", seq: 1, sender_id: "ann", content: "Hi!", client_msg_id: sending.client_msg_id });
    expect(chat.unsettled(id)).toEqual([]);
    expect(chat.conversations()).toMatchObject([{ conversation_id: id, peer_id: "bob", head_seq: 1, unread: 0 }]);
  });

  test("the list follows what comes: a new conversation, unread, the last active first", async () => {
    const fake = await server();
    const lunch = fake.chat.group("Lunch", ["eve", "ann"]);
    const { chat } = await person(fake, "ann");
    expect(chat.conversations()).toMatchObject([{ title: "Lunch", unread: 0 }]);
    const direct = fake.chat.direct("bob", "ann");
    fake.say(direct.conversation_id, "bob", "one");
    fake.say(direct.conversation_id, "bob", "two");
    await soon(() => expect(chat.conversations()).toMatchObject([{ peer_id: "bob", unread: 2 }, { title: "Lunch" }]));
    fake.say(lunch.conversation_id, "eve", "three");
    await soon(() => expect(chat.conversations()).toMatchObject([{ title: "Lunch", unread: 1 }, { peer_id: "bob" }]));
  });

  test("a slow answer about a conversation does not undo what events have said since", async () => {
    const fake = await server();
    const { chat } = await person(fake, "ann");
    const lunch = fake.chat.group("Lunch", ["eve", "ann"]);
    let release = (): void => undefined;
    fake.beforeAnswer = (path) => (path.includes("/v1/conversations/") ? new Promise((resolve) => (release = resolve)) : Promise.resolve());
    const about = { conversation_id: lunch.conversation_id, epoch: 1, msg_id: lunch.events[0]?.["msg_id"], sender_id: "eve", sent_at: 5 };
    fake.push("ann", { ...about, type: "member_added", seq: 2, user_id: "ann", role: "member" } as never);
    await soon(() => expect(fake.requests.at(-1)).toContain("/v1/conversations/"));
    fake.push("ann", { ...about, type: "title", seq: 3, title: "Dinner" } as never);
    await soon(() => expect(chat.conversations()).toMatchObject([{ title: "Dinner" }]));
    const described = new Promise<void>((resolve) => chat.on("conversations", () => resolve()));
    release();
    await described;
    expect(chat.conversations()).toMatchObject([{ title: "Dinner" }]);
  });

  test("memory is bounded: what goes can be read again", async () => {
    const fake = await server();
    const direct = fake.chat.direct("bob", "ann");
    const { chat, events } = await person(fake, "ann", { keep_events: 40 });
    for (const content of numbered(100)) fake.say(direct.conversation_id, "bob", content);
    await soon(() => expect(events).toHaveLength(100));
    const conversation = chat.conversation(direct.conversation_id);
    expect(conversation?.events.length).toBeLessThanOrEqual(40);
    while (conversation?.older.kind === "more") await conversation.loadOlder();
    expect(words(conversation?.events ?? [])).toEqual(numbered(100));
  });

  test("a title that the events did not bring is asked for", async () => {
    const fake = await server();
    const { chat } = await person(fake, "ann");
    const lunch = fake.chat.group("Lunch", ["eve", "ann"]);
    fake.push("ann", { type: "member_added", conversation_id: lunch.conversation_id, epoch: 1, seq: 4, msg_id: lunch.events[0]?.["msg_id"], sender_id: "eve", sent_at: 5, user_id: "ann", role: "member" } as never);
    await soon(() => expect(chat.conversations()).toMatchObject([{ title: "Lunch", kind: "group" }]));
    expect(pulls(fake)).toEqual([]);
  });
});

describe("loss", () => {
  test("[A5] a resend after a lost ack and a reconnect is committed once, with the same key", async () => {
    const fake = await server();
    const { chat } = await person(fake, "ann");
    fake.onDown = (_, frame) => frame.type !== "ack";
    const sending = chat.send({ to: "bob" }, "once");
    await soon(() => expect(fake.chat.direct("ann", "bob").events).toHaveLength(1));
    fake.onDown = () => true;
    fake.cut();
    expect(await sending.acked).toMatchObject({ seq: 1 });
    expect(fake.texts.flat().filter((frame) => frame.type === "msg").map((frame) => frame.client_msg_id)).toEqual([sending.client_msg_id, sending.client_msg_id]);
    expect(fake.chat.direct("ann", "bob").events).toHaveLength(1);
  });

  test("[A5] also on a socket that stays open", async () => {
    const fake = await server();
    const { chat } = await person(fake, "ann", { limits: { ack_timeout_ms: 50 } });
    fake.onDown = (_, frame) => frame.type !== "ack";
    const sending = chat.send({ to: "bob" }, "once");
    await soon(() => expect(fake.chat.direct("ann", "bob").events).toHaveLength(1));
    fake.onDown = () => true;
    await sending.acked;
    expect(fake.upgrades).toBe(1);
    expect(fake.chat.direct("ann", "bob").events).toHaveLength(1);
  });

  test("[D7] one lost frame: the jump is seen, and exactly that range is pulled", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events } = await person(fake, "ann");
    for (const content of numbered(5)) fake.say(conversation_id, "bob", content);
    await soon(() => expect(events).toHaveLength(5));
    fake.onDown = (_, frame) => frame.seq !== 6 && frame.seq !== 7;
    for (const content of numbered(5, 5)) fake.say(conversation_id, "bob", content);
    await soon(() => expect(events).toHaveLength(10));
    expect(words(events)).toEqual(numbered(10));
    expect(pulls(fake)).toEqual([`GET /v1/history/${conversation_id}?after=5&limit=2&order=asc`]);
  });

  test("[D7] what comes by itself within the grace is not pulled", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events } = await person(fake, "ann", { times: { gap_grace_ms: 2_000 } });
    fake.onDown = (_, frame) => frame.seq !== 1;
    const late = fake.say(conversation_id, "bob", "m0");
    fake.say(conversation_id, "bob", "m1");
    fake.onDown = () => true;
    fake.push("ann", late);
    await soon(() => expect(words(events)).toEqual(["m0", "m1"]));
    expect(pulls(fake)).toEqual([]);
  });

  test("frames that come twice are told once", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events } = await person(fake, "ann");
    const event = fake.say(conversation_id, "bob", "m0");
    fake.push("ann", event, event);
    fake.push("ann", event);
    fake.say(conversation_id, "bob", "m1");
    await soon(() => expect(words(events)).toEqual(["m0", "m1"]));
  });

  test("a malformed frame is reported, an unknown one ignored, and what it held is pulled", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events, errors } = await person(fake, "ann");
    fake.push("ann", { type: "poll_opened" }, { type: "msg", seq: 1 });
    fake.onDown = (_, frame) => frame.seq !== 1;
    fake.say(conversation_id, "bob", "m0");
    fake.say(conversation_id, "bob", "m1");
    await soon(() => expect(words(events)).toEqual(["m0", "m1"]));
    expect(errors.map(({ code }) => code)).toEqual(["bad_answer"]);
  });
});

describe("coming back after a cut", () => {
  test("[B11 C9] exactly what was missed comes, in order, and conversations that began meanwhile from their start", async () => {
    const fake = await server();
    const known = fake.chat.direct("bob", "ann").conversation_id;
    const { events, chat } = await person(fake, "ann");
    fake.say(known, "bob", "m0");
    await soon(() => expect(events).toHaveLength(1));
    const upgraded = fake.upgrades;
    fake.onDown = () => false;
    fake.cut();
    for (const content of numbered(20, 1)) fake.say(known, "bob", content);
    fake.onDown = () => true;
    await soon(() => expect(events).toHaveLength(21));
    expect(words(events)).toEqual(numbered(21));
    expect(fake.upgrades).toBeGreaterThan(upgraded);
    const begun = fake.chat.direct("eve", "ann").conversation_id;
    fake.onDown = () => false;
    for (const content of numbered(3)) fake.say(begun, "eve", content);
    fake.onDown = () => true;
    fake.push("ann", { type: "sync_required", conversations: [{ conversation_id: begun, epoch: 1, head_seq: 3 }] } as { type: string });
    await soon(() => expect(chat.conversation(begun)?.cursor.seq).toBe(3));
    expect(words(events)).toEqual([...numbered(21), ...numbered(3)]);
  });

  test("[D11] a backlog that is not pushed is pulled in pages, in order", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events, chat } = await person(fake, "ann");
    fake.onDown = () => false;
    fake.cut();
    for (const content of numbered(350)) fake.say(conversation_id, "bob", content);
    fake.onDown = () => true;
    await soon(() => expect(events).toHaveLength(350));
    expect(words(events)).toEqual(numbered(350));
    expect(pulls(fake)).toEqual([50, 150, 250].map((after) => `GET /v1/history/${conversation_id}?after=${after}&limit=100&order=asc`));
    expect(chat.conversation(conversation_id)?.catchUp).toEqual({ kind: "current" });
  });

  test("a pull that fails is tried again; archive_unavailable is a state, not an end", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.direct("bob", "ann");
    const { events, chat } = await person(fake, "ann");
    fake.onRequest = (path) => (path.includes("history") ? "archive_unavailable" : null);
    fake.onDown = (_, frame) => frame.seq !== 1;
    fake.say(conversation_id, "bob", "m0");
    fake.say(conversation_id, "bob", "m1");
    await soon(() => expect(chat.conversation(conversation_id)?.catchUp).toMatchObject({ kind: "failed", error: { code: "archive_unavailable" } }));
    expect(events).toEqual([]);
    fake.onRequest = () => null;
    await soon(() => expect(words(events)).toEqual(["m0", "m1"]));
  });

  test("[D14] what is sent while the server is gone is PENDING, survives a reload and commits in order", async () => {
    const fake = await server();
    const store = new MemoryOutboxStore();
    const { chat } = await person(fake, "ann", { store });
    await fake.stop();
    const sendings = numbered(30).map((content) => chat.send({ to: "bob" }, content));
    expect(new Set(sendings.map(({ state }) => state))).toEqual(new Set(["PENDING"]));
    chat.close();
    await expect(sendings[0]?.acked).rejects.toMatchObject({ code: "closed" });
    await fake.start();
    const again = await person(fake, "ann", { store });
    again.chat.send({ to: "bob" }, "m30");
    await soon(() => expect(words(fake.chat.direct("ann", "bob").events)).toEqual(numbered(31)));
    await soon(async () => expect(await store.load()).toEqual([]));
  });

  test("a removed member's conversation goes from the list", async () => {
    const fake = await server();
    const { conversation_id } = fake.chat.group("Lunch", ["eve", "ann"]);
    const { chat } = await person(fake, "ann");
    expect(chat.conversations()).toHaveLength(1);
    fake.chat.conversations.delete(conversation_id);
    fake.cut();
    await soon(() => expect(chat.conversations()).toEqual([]));
    expect(chat.conversation(conversation_id)).toBeNull();
  });

  test("[C14] a restored conversation: clients are told, and its events come again in the new epoch", async () => {
    const fake = await server();
    const direct = fake.chat.direct("bob", "ann");
    const { events, chat } = await person(fake, "ann");
    const restored = vi.fn();
    chat.on("restored", restored);
    for (const content of numbered(3)) fake.say(direct.conversation_id, "bob", content);
    await soon(() => expect(events).toHaveLength(3));
    fake.chat.restore(direct);
    fake.cut();
    await soon(() => expect(words(events)).toEqual([...numbered(3), ...numbered(3)]));
    expect(restored).toHaveBeenCalledWith(direct.conversation_id);
    expect(events.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2, 2, 2]);
  });
});

describe("reading", () => {
  test("[A12] pages back to the first message, and each page comes once", async () => {
    const fake = await server();
    const direct = fake.chat.direct("bob", "ann");
    for (const content of numbered(137)) fake.say(direct.conversation_id, "bob", content);
    const { chat } = await person(fake, "ann");
    const conversation = chat.conversation(direct.conversation_id);
    if (conversation === null) throw new Error("the conversation is not listed");
    expect(conversation.events).toEqual([]);
    await conversation.loadOlder();
    fake.say(direct.conversation_id, "bob", "m137");
    await soon(() => expect(words(conversation.events)).toEqual(numbered(51, 87)));
    while (conversation.older.kind !== "none") await Promise.all([conversation.loadOlder(), conversation.loadOlder()]);
    expect(words(conversation.events)).toEqual(numbered(138));
    expect(pulls(fake)).toHaveLength(3);
  });

  test("older pages that the archive can't give: a typed state, and then they come", async () => {
    const fake = await server();
    const direct = fake.chat.direct("bob", "ann");
    for (const content of numbered(60)) fake.say(direct.conversation_id, "bob", content);
    const { chat } = await person(fake, "ann");
    const conversation = chat.conversation(direct.conversation_id);
    await conversation?.loadOlder();
    fake.onRequest = (path) => (path.includes("history") ? "archive_unavailable" : null);
    await conversation?.loadOlder();
    expect(conversation?.older).toMatchObject({ kind: "failed", error: { code: "archive_unavailable", retryable: true } });
    fake.onRequest = () => null;
    await conversation?.loadOlder();
    expect(conversation?.older).toEqual({ kind: "none" });
    expect(words(conversation?.events ?? [])).toEqual(numbered(60));
  });

  test("[A12] [B15] at the seam of an archive that is down the hot part is shown, it is no end, and the rest comes by itself", async () => {
    const fake = await server();
    const direct = fake.chat.direct("bob", "ann");
    for (const content of numbered(60)) fake.say(direct.conversation_id, "bob", content);
    const { chat } = await person(fake, "ann");
    const conversation = chat.conversation(direct.conversation_id);
    const changed = vi.fn();
    chat.on("conversation", changed);
    fake.unreadable = 30;
    await conversation?.loadOlder();
    expect(words(conversation?.events ?? [])).toEqual(numbered(30, 30));
    expect(conversation?.older).toMatchObject({ kind: "failed", error: { code: "archive_unavailable", retryable: true, retry_after_ms: 50 }, retry_at: expect.any(Number) as number });
    expect(changed).toHaveBeenCalledWith(direct.conversation_id);
    const asked = pulls(fake).length;
    await soon(() => expect(pulls(fake).length).toBeGreaterThan(asked));
    expect(conversation?.older.kind).toBe("failed");
    fake.unreadable = 0;
    await soon(() => expect(conversation?.older).toEqual({ kind: "none" }));
    expect(words(conversation?.events ?? [])).toEqual(numbered(60));
  });

  test("errors of calls are ConfabErrors with the server's code", async () => {
    const fake = await server();
    const { chat } = await person(fake, "ann");
    await expect(chat.history("g.0")).rejects.toMatchObject({ name: "ConfabError", code: "not_found", status: 404, retryable: false });
    fake.onUp = (frame) => (frame.type === "msg" ? { type: "error", ...errorBody("unknown_user"), client_msg_id: frame.client_msg_id } : null);
    await expect(chat.send({ to: "nobody" }, "hi").acked).rejects.toMatchObject({ code: "unknown_user" });
  });

  test("U+FFFD goes as an escape, and text comes back as it was", async () => {
    const fake = await server();
    const { chat, events } = await person(fake, "ann");
    await chat.send({ to: "bob" }, "a\uFFFDb \u2028 👩🏽‍🚀").acked;
    await soon(() => expect(words(events)).toEqual(["a\uFFFDb \u2028 👩🏽‍🚀"]));
  });
});
