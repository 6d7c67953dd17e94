// Three people with two devices each, in a group and in pairs, one device of each over a line that breaks: they write, edit,
// delete, react, read, come and go, and the runtime is killed in the middle. In the end every device, and somebody new, has the
// same, and every status that a sender saw still holds.
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { type ConfabClient, connect, type Message, type Sending } from "../../client/client.ts";
import { MemoryOutboxStore } from "../../client/outbox-store.ts";
import { Wire } from "../client/wire.ts";
import { type Product, startProduct } from "../product.ts";
import { size } from "../sizes.ts";
import { type User, newUser } from "./api.ts";

let product: Product;
let line: Wire;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "300" } });
  line = await new Wire(product.ports[0] as number).start();
});
afterAll(async () => {
  await line?.close();
  await product?.discard();
});

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 50 });

/** mulberry32: the same seed is the same scenario. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const messagesOf = (chat: ConfabClient, id: string): Message[] => (chat.conversation(id)?.events ?? []).filter((slot): slot is Message => slot.type === "msg");
/** What a person sees of a message; reactions in a fixed order. */
const shown = (message: Message) => ({
  seq: message.seq, msg_id: message.msg_id, sender_id: message.sender_id, content: message.content, deleted: message.deleted_at !== undefined,
  edited: message.edited_at !== undefined, reply_to: message.reply_to ?? null, replies: message.replies ?? 0,
  reactions: (message.reactions ?? []).map(({ emoji, count }) => `${emoji}${count}`).toSorted(),
});

/** A device that goes and comes back with the same outbox, as a phone does. */
class Phone {
  readonly user: User;
  readonly device_id: string;
  readonly url: string;
  readonly store = new MemoryOutboxStore();
  /** The highest watermark that this device was shown, by conversation and member. */
  readonly seen = new Map<string, number>();
  /** How far each of the user's own messages was shown to have come, while this connection lasts. */
  private ranks = new Map<string, number>();
  /** Messages that were shown to have come less far than before. */
  readonly fallen: string[] = [];
  chat!: ConfabClient;

  constructor(user: User, device_id: string, url: string) {
    this.user = user;
    this.device_id = device_id;
    this.url = url;
    this.connect();
  }

  connect(): void {
    const { user, device_id, store, url } = this;
    this.ranks = new Map();
    this.chat = connect({
      url, token: user.token, user_id: user.name, device_id, store, backoff: { base_ms: 100, cap_ms: 500, stable_ms: 10_000 }, times: { pong_ms: 1_000 },
    });
    this.chat.on("conversation", (id) => {
      this.note(id);
      this.rank(id);
    });
  }

  private rank(id: string): void {
    for (const message of messagesOf(this.chat, id)) {
      if (message.sender_id !== this.user.name) continue;
      const status = this.chat.conversation(id)?.status(message).status ?? "SENT";
      const rank = ["SENT", "DELIVERED", "READ"].indexOf(status);
      if (rank < (this.ranks.get(message.msg_id) ?? 0)) this.fallen.push(`${message.msg_id} fell to ${status}`);
      this.ranks.set(message.msg_id, rank);
    }
  }

  /** Nothing that was shown may ever be taken back, also by another life of the server. */
  private note(id: string): void {
    for (const user_id of names) {
      const mark = this.chat.conversation(id)?.watermark(user_id);
      if (mark === null || mark === undefined) continue;
      for (const [step, seq] of [["delivered", mark.delivered_seq], ["read", mark.read_seq]] as const) {
        const key = `${id} ${user_id} ${step}`;
        this.seen.set(key, Math.max(seq, this.seen.get(key) ?? 0));
      }
    }
  }
}

let names: string[] = [];

test.each(inject("long") ? [7, 20_261_122, 1, 2, 3, 4, 5] : [7])("[E1][A6][A24][D12][B11] three people with two devices each agree on everything after cuts, reconnects and a kill in the middle (seed %i)", async (seed) => {
  const random = randomOf(seed);
  const users = [await newUser(product, "trio"), await newUser(product, "trio"), await newUser(product, "trio")];
  names = users.map(({ name }) => name);
  const phones = users.flatMap((user) => [new Phone(user, "phone", line.url), new Phone(user, "laptop", product.url)]);
  const [ann, bob] = users as [User, User, User];
  const { conversation_id: group } = await ann.group(users.slice(1));
  const { conversation_id: pair } = await ann.send(bob, "hello");
  await soon(() => {
    for (const { chat, user } of phones) for (const id of user === users[2] ? [group] : [group, pair]) expect(chat.conversation(id)).not.toBeNull();
  });

  const sent: { sending: Sending; content: string }[] = [];
  const changes: Sending[] = [];
  const steps = size("steps of the trio", 150, 2_000);
  for (let step = 0; step < steps; step += 1) {
    const phone = phones[random(phones.length)] as Phone;
    const id = phone.user === users[2] || random(3) > 0 ? group : pair;
    const mine = messagesOf(phone.chat, id).filter(({ sender_id, deleted_at }) => sender_id === phone.user.name && deleted_at === undefined);
    const some = messagesOf(phone.chat, id).filter(({ deleted_at }) => deleted_at === undefined);
    const target = some[random(Math.max(1, some.length))];
    const own = mine[random(Math.max(1, mine.length))];
    const action = random(12);
    if (step === Math.floor(steps / 2)) product.killRuntime();
    if (step % 25 === 24) line.cut();
    if (action < 6) {
      const content = `${phone.user.name}/${phone.device_id}/${step}`;
      const answered = action === 5 && target !== undefined ? { reply_to: target.msg_id } : {};
      sent.push({ content, sending: phone.chat.send({ conversation_id: id }, content, answered) });
    } else if (action === 6 && own !== undefined) {
      changes.push(phone.chat.edit(own, `${own.content}, edited at ${step}`));
    } else if (action === 7 && own !== undefined && random(3) === 0) {
      changes.push(phone.chat.delete(own));
    } else if (action === 8 && target !== undefined) {
      changes.push(phone.chat.react(target, ["👍", "🎉"][random(2)] as string, random(4) > 0));
    } else if (action === 9) {
      phone.chat.conversation(id)?.read();
    } else if (action === 10) {
      phone.chat.close();
      phone.connect();
    }
    // Let what is under way go on: a turn of the event loop, now and then until something was acknowledged.
    await new Promise(setImmediate);
    if (step % 10 === 9) await Promise.race(sent.slice(-5).map(({ sending }) => sending.acked.catch(() => undefined)));
  }

  // A message that was handed to a device that then closed waits in its store: the device that came back has sent it.
  const everywhere = async (id: string) => {
    const history = (await ann.history(id)).filter((event): event is Extract<typeof event, { type: "msg" }> => event.type === "msg");
    return history.map((event) => shown(event));
  };
  const members = (id: string) => phones.filter(({ user }) => id === group || user !== users[2]);
  await soon(() => {
    for (const { chat } of phones) for (const id of [group, pair]) expect(chat.unsettled(id)).toHaveLength(0);
  });
  for (const id of [group, pair]) {
    await soon(async () => {
      const truth = await everywhere(id);
      for (const { chat } of members(id)) {
        while (chat.conversation(id)?.older.kind === "more") await chat.conversation(id)?.loadOlder(100);
        expect(messagesOf(chat, id).map((message) => shown(message))).toEqual(truth);
      }
    });
  }

  // And as the server tells it to a device that was never there before.
  const late = new Phone(ann, "new", product.url);
  for (const id of [group, pair]) {
    await soon(() => expect(late.chat.conversation(id)).not.toBeNull());
    await soon(async () => {
      while (late.chat.conversation(id)?.older.kind === "more") await late.chat.conversation(id)?.loadOlder(100);
      expect(messagesOf(late.chat, id).map((message) => shown(message))).toEqual(await everywhere(id));
    });
  }
  late.chat.close();

  // Once, whatever was resent: every content stands once, or was edited or deleted since.
  const all = [...await everywhere(group), ...await everywhere(pair)];
  expect(new Set(all.map(({ msg_id }) => msg_id)).size).toBe(all.length);
  expect(all).toHaveLength(sent.length + 1);

  // Everybody reads everything: each sender sees it, on both devices, and no list counts anything any more.
  for (const { chat, user } of phones) for (const id of user === users[2] ? [group] : [group, pair]) chat.conversation(id)?.read();
  for (const id of [group, pair]) {
    const total = id === group ? 2 : 1;
    await soon(() => {
      for (const { chat, user } of members(id)) {
        const newest = messagesOf(chat, id).filter(({ sender_id }) => sender_id === user.name).at(-1);
        if (newest !== undefined) expect(chat.conversation(id)?.status(newest)).toMatchObject({ status: "READ", read: total });
        expect(chat.conversations().find((row) => row.conversation_id === id)?.unread).toBe(0);
      }
    });
  }
  // What any device was ever shown of a watermark, the server still says at least.
  for (const phone of phones) {
    for (const [key, seq] of phone.seen) {
      const [id = "", user_id = "", kind = ""] = key.split(" ");
      const events = await ann.history(id);
      const message = events.findLast((event) => event.type === "msg" && event.seq <= seq && event.sender_id !== user_id);
      if (message === undefined || (id === pair && phone.user === users[2])) continue;
      const { body } = await ann.call<{ receipts: { user_id: string; status: string }[] }>("GET", `/v1/conversations/${id}/receipts?msg_id=${message.msg_id}`);
      const status = body.receipts.find((row) => row.user_id === user_id)?.status;
      expect(kind === "read" ? ["READ"] : ["DELIVERED", "READ"], `${key} up to ${seq}`).toContain(status);
    }
  }
  expect(phones.flatMap(({ fallen }) => fallen)).toEqual([]);
  for (const { chat } of phones) chat.close();
  expect(changes.length).toBeGreaterThan(0);
});
