// A user leaves a conversation and comes back, and their device hears of it late, twice and in parts.
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { type ChatEvent, connect, type ConfabClient } from "../../client/client.ts";
import type { FakeConversation, FakeEvent } from "./fake-chat.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 });
const seqs = (events: readonly { seq: number }[]) => events.map(({ seq }) => seq);

interface Scene {
  fake: FakeServer;
  lunch: FakeConversation;
  chat: ConfabClient;
  events: ChatEvent[];
  /** Commits what eve does with the members, and tells nobody. */
  does: (type: "member_added" | "member_removed" | "title", user_id?: string) => FakeEvent;
}

/** Ann is in the group and knows of its first two events. */
async function scene(): Promise<Scene> {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  const lunch = fake.chat.group("Lunch", ["eve", "ann"]);
  const does: Scene["does"] = (type, user_id = "ann") => {
    const more = type === "title" ? { title: `Lunch ${lunch.events.length + 1}` } : { user_id, ...(type === "member_added" ? { role: "member" } : {}) };
    const { event } = fake.chat.message(lunch, "eve", "", undefined, { type, ...more });
    delete event["client_msg_id"];
    if (user_id === "ann" && type !== "title") lunch.members = type === "member_added" ? ["eve", "ann"] : ["eve"];
    return event;
  };
  does("title");
  // What she may read is her last stay, and nothing without one.
  const joined = () => lunch.events.findLast((event) => event.type === ("member_added" as string))?.seq ?? 1;
  const history = fake.chat.history.bind(fake.chat);
  fake.chat.history = (conversation, query) => history({ ...conversation, events: conversation.events.filter(({ seq }) => seq >= joined()) }, query);
  fake.onRequest = (path) => (path.includes(lunch.conversation_id) && !lunch.members.includes("ann") ? "not_found" : null);
  const chat = connect({ url: fake.url, token: fakeToken("ann"), user_id: "ann", backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, times: { gap_grace_ms: 30 } });
  open.push(chat);
  const events: ChatEvent[] = [];
  chat.on("event", (event) => events.push(event));
  await soon(() => expect(fake.texts.flat().some(({ type }) => type === "resume")).toBe(true));
  return { fake, lunch, chat, events, does };
}

test("[D5] that they have left comes again: it begins nothing, and no event comes a second time", async () => {
  const { fake, lunch, chat, events, does } = await scene();
  const left = does("member_removed");
  fake.push("ann", left);
  await soon(() => expect(chat.conversations()).toEqual([]));
  fake.push("ann", lunch.events[1] as FakeEvent, left);
  const back = does("member_added");
  fake.push("ann", left, back);
  fake.push("ann", left);
  await soon(() => expect(chat.conversation(lunch.conversation_id)?.cursor.seq).toBe(4));
  expect(seqs(events)).toEqual([3, 4]);
  expect(fake.requests.filter((request) => request.includes("/v1/history/"))).toEqual([]);
});

test("[D5] they have left and are back, and the device hears of the one when the other is there already: it has the conversation", async () => {
  const { fake, lunch, chat, events, does } = await scene();
  const [left, , back, said] = [does("member_removed"), does("title"), does("member_added"), does("title")];
  fake.push("ann", back as FakeEvent, said as FakeEvent);
  fake.push("ann", left as FakeEvent);
  await soon(() => expect(chat.conversation(lunch.conversation_id)?.cursor.seq).toBe(6));
  expect(seqs(events)).toEqual([3, 5, 6]);
  expect(chat.conversations()).toHaveLength(1);
});

test.each([
  ["a head", (fake: FakeServer, { conversation_id }: FakeConversation) => fake.push("ann", { type: "sync_required", conversations: [{ conversation_id, epoch: 1, head_seq: 5 }] } as never)],
  ["an event behind their return", (fake: FakeServer, { events }: FakeConversation) => fake.push("ann", events[4] as FakeEvent)],
])("[D5] they have left and are back, and %s is all that says so: what came in this stay comes, and nothing again", async (_what, tell) => {
  const { fake, lunch, chat, events, does } = await scene();
  fake.push("ann", does("member_removed"));
  await soon(() => expect(chat.conversations()).toEqual([]));
  does("member_added");
  does("title");
  tell(fake, lunch);
  await soon(() => expect(chat.conversation(lunch.conversation_id)?.cursor.seq).toBe(5));
  expect(seqs(events)).toEqual([3, 4, 5]);
});

test("[D5] an own message is acknowledged again to who has left since: they are told that it went in, and have the group no more", async () => {
  const { fake, lunch, chat, does } = await scene();
  let sent: { client_msg_id?: string } | null = null;
  fake.onUp = (frame) => {
    if (frame.type !== "msg" || sent !== null) return null;
    // It goes in, its answer is lost, and its sender leaves.
    sent = frame;
    fake.chat.message(lunch, "ann", "Hi!", frame.client_msg_id);
    fake.push("ann", does("member_removed"));
    return "lost";
  };
  const sending = chat.send({ conversation_id: lunch.conversation_id }, "Hi!");
  await soon(() => expect(chat.conversations()).toEqual([]));
  fake.cut();
  expect(await sending.acked).toMatchObject({ seq: 3 });
  await soon(() => expect(fake.requests.at(-1)).toBe(`GET /v1/conversations/${lunch.conversation_id}`));
  await soon(() => expect([chat.conversations(), chat.conversation(lunch.conversation_id)]).toEqual([[], null]));
});

test("[R1] a device that gets an event again says again that it has it: the receipt was lost behind the server's door", async () => {
  const { fake, lunch, does } = await scene();
  const receipts = () => fake.texts.flat().filter(({ type }) => type === "receipt").map(({ up_to_seq }) => up_to_seq);
  const title = does("title");
  fake.push("ann", title);
  await soon(() => expect(receipts()).toContain(3));
  const before = receipts().length;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  onTestFinished(() => void vi.useRealTimers());
  fake.push("ann", title);
  await soon(() => expect(receipts().slice(before)).toEqual([3]));
  expect(lunch.events).toHaveLength(3);
});
