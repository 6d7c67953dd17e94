// What a client does where the server can't answer its resume now.
import { afterEach, expect, test, vi } from "vitest";
import { type ConfabClient, connect } from "../../client/client.ts";
import { systemEnvironment } from "../../client/environment.ts";
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

test("[D11] a backlog is pulled in pages as large as the server gives, and in usual ones where such a page comes too late", async () => {
  const fake = await new FakeServer().start();
  open.push({ close: () => fake.stop() });
  fake.history_page = 1_000;
  const { conversation_id } = fake.chat.group("Lunch", ["ann", "bob"]);
  let impatient = false;
  // The time limit of an answer is the only wait of that length.
  const later = (ms: number, run: () => void) => {
    const soon = impatient && ms === 15_000;
    if (soon) impatient = false;
    return systemEnvironment.later(soon ? 1 : ms, run);
  };
  const environment = { ...systemEnvironment, later };
  const chat = connect({ url: fake.url, token: fakeToken("ann"), user_id: "ann", backoff: { base_ms: 20, cap_ms: 100, stable_ms: 1_000 }, environment });
  open.push(chat);
  await soon(() => expect(resumes(fake)).toBe(1));
  const pulled = () => fake.requests.filter((request) => request.includes("/v1/history/"));
  const missed = async (from: number, count: number) => {
    fake.onDown = () => false;
    for (let i = from; i < from + count; i += 1) fake.say(conversation_id, "bob", `m${i}`);
    fake.onDown = () => true;
    fake.push("ann", { type: "sync_required", conversations: [{ conversation_id, epoch: 1, head_seq: fake.chat.conversations.get(conversation_id)?.events.length ?? 0 }] } as { type: string });
    await soon(() => expect(words(chat, conversation_id)).toHaveLength(from + count));
  };
  await missed(0, 350);
  expect(pulled()).toEqual([`GET /v1/history/${conversation_id}?after=1&limit=350&order=asc`]);
  impatient = true;
  const late = Promise.withResolvers<void>();
  fake.beforeAnswer = (path) => (path.includes("/v1/history/") && pulled().length === 2 ? late.promise : Promise.resolve());
  await missed(350, 250);
  late.resolve();
  expect(pulled().slice(1)).toEqual([[351, 250], [351, 100], [451, 100], [551, 50]].map(([after, limit]) => `GET /v1/history/${conversation_id}?after=${after}&limit=${limit}&order=asc`));
});
