// What a client does where the server can't answer its resume now.
import { afterEach, expect, test, vi } from "vitest";
import { type ConfabClient, connect } from "../../client/client.ts";
import { errorBody } from "../../protocol/errors.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 });
const resumes = (fake: FakeServer) => fake.texts.flat().filter((frame) => frame.type === "resume").length;

async function resumed(fake: FakeServer): Promise<ConfabClient> {
  const chat = connect({ url: fake.url, token: fakeToken("ann"), user_id: "ann", backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 } });
  open.push(chat);
  await soon(() => expect(resumes(fake)).toBe(1));
  return chat;
}

const words = (chat: ConfabClient, id: string) => (chat.conversation(id)?.events ?? []).flatMap((event) => ("content" in event ? [event.content] : []));

test.each([
  { what: "the user's other devices have used up their requests", named: false, code: "rate_limited" as const },
  { what: "one conversation can't be asked now", named: true, code: "unavailable" as const },
])("[D11] a refused resume is sent again: $what", async ({ named, code }) => {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  const { conversation_id } = fake.chat.group("Lunch", ["ann", "bob"]);
  const chat = await resumed(fake);
  // Heard as it happens: it may be open again before anybody looks.
  const gone = new Promise<void>((resolve) => chat.on("state", ({ kind }) => kind !== "open" && resolve()));
  fake.cut();
  await gone;
  fake.chat.message(fake.chat.conversations.get(conversation_id) as never, "bob", "while you were away");
  let refusals = 2;
  fake.onUp = (frame) => {
    if (frame.type !== "resume" || refusals === 0) return null;
    refusals -= 1;
    return { type: "error", ...errorBody(code, { retry_after_ms: 30 }), ...(named ? { conversation_id } : {}) };
  };
  await soon(() => expect(words(chat, conversation_id)).toEqual(["while you were away"]));
  expect(refusals).toBe(0);
});
