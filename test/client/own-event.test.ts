// What an acknowledgement says of an own change: the event that it names may be another sending's.
import { afterEach, expect, test, vi } from "vitest";
import { connect, type ConfabClient, type Message } from "../../client/client.ts";
import type { FakeConversation } from "./fake-chat.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 });

/** Ann's reactions stood already: their acknowledgements name the event that her other device made. */
async function chatWithReaction(): Promise<{ fake: FakeServer; conversation: FakeConversation; target: Message; react: () => void }> {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  const conversation = fake.chat.direct("bob", "ann");
  const target = fake.chat.message(conversation, "bob", "one").event as object as Message;
  let ack: object | null = null;
  const react = (): void => {
    const { event } = fake.chat.message(conversation, "ann", "", "of-another-device", { type: "react", target_msg_id: target.msg_id, target_seq: 1, emoji: "👍", on: true });
    const { conversation_id, epoch, seq, msg_id, sent_at } = event;
    ack = { type: "ack", conversation_id, epoch, seq, msg_id, sent_at, status: "SENT", dup: true };
  };
  fake.onUp = ({ type, client_msg_id }) => (type === "react" && ack !== null ? { ...ack, client_msg_id } : null);
  return { fake, conversation, target, react };
}

function ann(fake: FakeServer): ConfabClient {
  const chat = connect({ url: fake.url, token: fakeToken("ann"), user_id: "ann", backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, times: { gap_grace_ms: 30 } });
  open.push(chat);
  return chat;
}

test("[A5] a change that stood already: the event there is the one that made it, with its own key", async () => {
  const { fake, conversation: { conversation_id }, target, react } = await chatWithReaction();
  const chat = ann(fake);
  await soon(() => expect(chat.conversation(conversation_id)?.cursor.seq).toBe(1));
  await chat.conversation(conversation_id)?.loadOlder();
  react();
  const sending = chat.react(target, "👍", true);
  expect(await sending.acked).toMatchObject({ seq: 2 });
  await soon(() => expect(chat.conversation(conversation_id)?.events.at(-1)).toMatchObject({ type: "react", seq: 2, client_msg_id: "of-another-device" }));
  expect(chat.unsettled(conversation_id)).toEqual([]);
});

test("[D14] a change that stood already, acknowledged while the list is read, does not wait in the outbox for what is behind the page", async () => {
  const { fake, conversation: { conversation_id }, target, react } = await chatWithReaction();
  react();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  fake.beforeAnswer = (path) => (path.startsWith("/v1/conversations") ? held : Promise.resolve());
  const chat = ann(fake);
  const sending = chat.react(target, "👍", true);
  await sending.acked;
  expect(chat.unsettled(conversation_id)).toEqual([sending]);
  release();
  await soon(() => expect(chat.conversation(conversation_id)?.cursor.seq).toBe(2));
  expect(chat.unsettled(conversation_id)).toEqual([]);
});
