// Clients of several people and devices against the started product: what became of messages, the list, who is there.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type ClientEvents, connect, type ConfabClient, type ConnectOptions, type Message } from "../../client/client.ts";
import { type Product, startProduct } from "../product.ts";
import { noUpgradeProxy } from "../e2e/no-upgrade-proxy.ts";
import { Wire } from "./wire.ts";

let product: Product;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200", CONFAB_FANOUT_WRITE_MAX: "4", CONFAB_FANOUT_WRITE_AGAIN: "3" } });
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

afterAll(() => product?.discard());

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
let people = 0;

interface Device {
  chat: ConfabClient;
  name: string;
  errors: ClientEvents["error"][];
}

async function newPerson(): Promise<string> {
  const name = `who-${++people}`;
  await product.token(name);
  return name;
}

async function device(name: string, options: Partial<ConnectOptions> = {}): Promise<Device> {
  const chat = connect({ url: product.url, token: () => product.token(name), user_id: name, backoff: { base_ms: 50, cap_ms: 500, stable_ms: 10_000 }, ...options });
  open.push(chat);
  const errors: ClientEvents["error"][] = [];
  chat.on("error", (error) => errors.push(error));
  await soon(() => expect(chat.listed).toBe(true));
  return { chat, name, errors };
}

/** Two people who have talked before. */
async function pair(): Promise<{ ann: Device; bob: Device; id: string }> {
  const [ann, bob] = [await device(await newPerson()), await device(await newPerson())];
  const id = ann.chat.directId(bob.name) as string;
  await ann.chat.send({ to: bob.name }, "hello").acked;
  await soon(() => expect(bob.chat.conversation(id)?.events).toHaveLength(1));
  return { ann, bob, id };
}

const messages = (chat: ConfabClient, id: string) => (chat.conversation(id)?.events ?? []).filter((slot): slot is Message => slot.type === "msg");
const states = (chat: ConfabClient, id: string) => messages(chat, id).map((message) => chat.conversation(id)?.status(message).status);
const row = (chat: ConfabClient, id: string) => chat.conversations().find((one) => one.conversation_id === id);

describe("what became of a message", () => {
  test("[A6] [E1] PENDING, SENT, DELIVERED once a device has it, READ once somebody says so; on all of the sender's devices", async () => {
    const { ann, bob, id } = await pair();
    const second = await device(ann.name);
    await second.chat.conversation(id)?.loadOlder();
    await soon(() => expect([states(ann.chat, id), states(second.chat, id)]).toEqual([["DELIVERED"], ["DELIVERED"]]));
    bob.chat.conversation(id)?.read();
    await soon(() => expect([states(ann.chat, id), states(second.chat, id)]).toEqual([["READ"], ["READ"]]));
    bob.chat.close();
    const sending = ann.chat.send({ to: bob.name }, "are you there?");
    expect(sending.state).toBe("PENDING");
    await sending.acked;
    await soon(() => expect(states(second.chat, id)).toEqual(["READ", "SENT"]));
    const { msg_id } = messages(ann.chat, id)[1] as Message;
    const receipts = await ann.chat.receipts(messages(ann.chat, id)[1] as Message);
    expect(receipts).toMatchObject([{ message_id: msg_id, user_id: bob.name, status: "SENT" }]);
    expect([...ann.errors, ...bob.errors, ...second.errors]).toEqual([]);
  });

  test("a sender who was away learns it with the next connection", async () => {
    const { ann, bob, id } = await pair();
    await soon(() => expect(states(ann.chat, id)).toEqual(["DELIVERED"]));
    ann.chat.close();
    bob.chat.conversation(id)?.read();
    await soon(() => expect(row(bob.chat, id)?.unread).toBe(0));
    const later = await device(ann.name);
    await later.chat.conversation(id)?.loadOlder();
    await soon(() => expect(states(later.chat, id)).toEqual(["READ"]));
  });

  test("[E2] thirty messages to somebody who is offline are all delivered once they return, and their sender sees it", async () => {
    const line = await new Wire(product.ports[0] as number).start();
    open.push(line);
    const [ann, bob] = [await device(await newPerson()), await device(await newPerson(), { url: line.url })];
    const id = ann.chat.directId(bob.name) as string;
    line.down = true;
    line.cut();
    await Promise.all(Array.from({ length: 30 }, (_, i) => ann.chat.send({ to: bob.name }, `m${i}`).acked));
    expect(new Set(states(ann.chat, id))).toEqual(new Set(["SENT"]));
    line.down = false;
    await soon(() => expect(messages(bob.chat, id).map(({ content }) => content)).toEqual(Array.from({ length: 30 }, (_, i) => `m${i}`)));
    await soon(() => expect(states(ann.chat, id)).toEqual(Array.from({ length: 30 }, () => "DELIVERED")));
  });

  test("[A7] in a group the counts grow to all of them", async () => {
    const [ann, bob, cat] = [await device(await newPerson()), await device(await newPerson()), await device(await newPerson())];
    const { conversation_id: id } = await ann.chat.createGroup("Lunch", [bob.name, cat.name]);
    await ann.chat.send({ conversation_id: id }, "noodles?").acked;
    await ann.chat.send({ conversation_id: id }, "or rice?").acked;
    const status = (i: number) => ann.chat.conversation(id)?.status(messages(ann.chat, id)[i] as Message);
    await soon(() => expect([status(0), status(1)]).toEqual([{ status: "DELIVERED", delivered: 2, read: 0, total: 2 }, { status: "DELIVERED", delivered: 2, read: 0, total: 2 }]));
    bob.chat.conversation(id)?.read();
    await soon(() => expect(status(1)).toEqual({ status: "DELIVERED", delivered: 2, read: 1, total: 2 }));
    cat.chat.conversation(id)?.read(messages(cat.chat, id)[0]?.seq);
    await soon(() => expect([status(0)?.status, status(1)?.read]).toEqual(["READ", 1]));
    await soon(() => expect(row(cat.chat, id)?.unread).toBe(1));
  });
});

describe("the list", () => {
  test("[D1] read on one device is read on all, and a new device has list, unread and history", async () => {
    const { ann, bob, id } = await pair();
    const second = await device(bob.name);
    await ann.chat.send({ to: bob.name }, "and another").acked;
    await soon(() => expect([row(bob.chat, id)?.unread, row(second.chat, id)?.unread]).toEqual([2, 2]));
    expect(row(second.chat, id)?.last_message).toMatchObject({ preview: "and another", sender_id: ann.name });
    bob.chat.conversation(id)?.read();
    expect(row(bob.chat, id)?.unread).toBe(0);
    await soon(() => expect(row(second.chat, id)?.unread).toBe(0));
    await ann.chat.send({ to: bob.name }, "a third").acked;
    const third = await device(bob.name);
    await soon(() => expect(row(third.chat, id)?.unread).toBe(1));
    await third.chat.conversation(id)?.loadOlder();
    expect(messages(third.chat, id).map(({ content }) => content)).toEqual(["hello", "and another", "a third"]);
    expect(row(third.chat, id)).toMatchObject({ unread: 1, peer_id: ann.name, last_message: { preview: "a third" } });
  });

  test("mute and archive are the user's on all devices; a message brings back what was archived", async () => {
    const { ann, bob, id } = await pair();
    const second = await device(bob.name);
    await bob.chat.mute(id, true);
    await bob.chat.archive(id, true);
    await soon(() => expect(row(second.chat, id)).toMatchObject({ muted: true, archived: true }));
    await ann.chat.send({ to: bob.name }, "hello?").acked;
    await soon(() => expect([row(bob.chat, id), row(second.chat, id)]).toMatchObject([{ muted: true, archived: false }, { muted: true, archived: false }]));
  });

  test("what changed while away is there after one call, with the unread count", async () => {
    const { ann, bob, id } = await pair();
    const before = bob.chat.reconnects.length;
    bob.chat.conversation(id)?.read();
    await soon(() => expect(states(ann.chat, id)).toEqual(["READ"]));
    product.killRuntime();
    await soon(() => expect(bob.chat.reconnects.length).toBeGreaterThan(before));
    const sent = ["one", "two", "three"].map((text) => ann.chat.send({ to: bob.name }, text).acked);
    await Promise.all(sent);
    bob.chat.wake();
    await soon(() => expect(row(bob.chat, id)).toMatchObject({ unread: 3, last_message: { preview: "three" } }));
  });
});

describe("messages change", () => {
  test("edits, reactions, answers and deletions are the same for who was there, who was away, and a new device", async () => {
    const { ann, bob, id } = await pair();
    const first = messages(ann.chat, id)[0] as Message;
    await ann.chat.edit(first, "hello there").acked;
    await Promise.all([ann.chat.react(first, "👍").acked, bob.chat.react(first, "👍").acked, bob.chat.react(first, "🎉").acked]);
    await bob.chat.react(first, "🎉", false).acked;
    const { msg_id } = await bob.chat.send({ to: ann.name }, "an answer", { reply_to: first.msg_id }).acked;
    await ann.chat.send({ to: bob.name }, "to go").acked;
    const gone = messages(ann.chat, id).at(-1) as Message;
    await ann.chat.delete(gone).acked;
    const late = await device(bob.name);
    await late.chat.conversation(id)?.loadOlder();
    for (const { chat } of [ann, bob, late]) {
      await soon(() => expect(messages(chat, id).map(({ content, replies, reactions, deleted_at }) => [content, replies ?? 0, reactions?.map(({ emoji, count }) => `${emoji}${count}`), deleted_at !== undefined]))
        .toEqual([["hello there", 1, ["👍2"], false], ["an answer", 0, undefined, false], ["", 0, undefined, true]]));
    }
    expect(messages(late.chat, id)[1]).toMatchObject({ msg_id, reply_to: first.msg_id });
    expect(row(ann.chat, id)?.last_message).toMatchObject({ deleted: true, preview: null });
  });

  test("a change that is refused is told, and changes nothing", async () => {
    const { ann, bob, id } = await pair();
    const theirs = messages(bob.chat, id)[0] as Message;
    const refused = bob.chat.edit(theirs, "mine now");
    await expect(refused.acked).rejects.toMatchObject({ code: "forbidden" });
    await soon(() => expect(bob.chat.unsettled(id)).toEqual([]));
    expect(messages(bob.chat, id)[0]?.content).toBe("hello");
    expect(ann.errors).toEqual([]);
  });
});

describe("a large group", () => {
  test("a device hears that there is something, reads it once somebody looks, and has its unread in the list", async () => {
    const names = await Promise.all(Array.from({ length: 5 }, () => newPerson()));
    const [ann, bob] = [await device(names[0] as string), await device(names[1] as string)];
    const { conversation_id: id } = await ann.chat.createGroup("Everybody", names.slice(1));
    await soon(() => expect(row(bob.chat, id)).toMatchObject({ title: "Everybody", mode: "read" }));
    await ann.chat.send({ conversation_id: id }, "one").acked;
    await ann.chat.send({ conversation_id: id }, "two").acked;
    await soon(() => expect(row(bob.chat, id)).toMatchObject({ unread: 2, last_message: { preview: "two" } }));
    expect(messages(bob.chat, id)).toEqual([]);
    const close = bob.chat.show(id);
    await soon(() => expect(messages(bob.chat, id).map(({ content }) => content)).toEqual(["one", "two"]));
    await ann.chat.send({ conversation_id: id }, "three").acked;
    await soon(() => expect(messages(bob.chat, id).map(({ content }) => content)).toEqual(["one", "two", "three"]));
    bob.chat.conversation(id)?.read();
    await soon(() => expect(ann.chat.conversation(id)?.status(messages(ann.chat, id)[2] as Message).read).toBe(1));
    expect(row(bob.chat, id)?.unread).toBe(0);
    close();
  });
});

describe("without sockets", () => {
  test("[A17] behind a proxy that refuses upgrades all of it works by polls; once sockets get through they take over", async () => {
    const proxy = await noUpgradeProxy(product.url);
    open.push(proxy);
    const [ann, bob] = [await device(await newPerson(), { url: proxy.url, times: { socket_again_ms: 300 } }), await device(await newPerson())];
    const id = ann.chat.directId(bob.name) as string;
    expect(ann.chat.state).toMatchObject({ kind: "open", transport: "poll" });
    await ann.chat.send({ to: bob.name }, "ann 0").acked;
    await soon(() => expect(bob.chat.conversation(id)?.events).toHaveLength(1));
    const started = Date.now();
    await bob.chat.send({ to: ann.name }, "bob 0").acked;
    await soon(() => expect(messages(ann.chat, id)).toHaveLength(2));
    expect(Date.now() - started).toBeLessThan(5_000);
    await soon(() => expect([states(bob.chat, id).at(-1), states(ann.chat, id)[0]]).toEqual(["DELIVERED", "READ"]));
    const sendings: Promise<unknown>[] = [];
    for (let round = 1; round <= 60; round++) {
      if (round === 20) proxy.blocks = false;
      if (round === 40) {
        proxy.blocks = true;
        proxy.cut();
      }
      sendings.push(ann.chat.send({ to: bob.name }, `ann ${round}`).acked, bob.chat.send({ to: ann.name }, `bob ${round}`).acked);
      if (round === 30) await soon(() => expect(ann.chat.state).toMatchObject({ transport: "socket" }));
      if (round % 10 === 0) await Promise.all(sendings);
    }
    await Promise.all(sendings);
    await soon(() => expect([messages(ann.chat, id).length, messages(bob.chat, id).length]).toEqual([122, 122]));
    expect(messages(ann.chat, id).map(({ content }) => content)).toEqual(messages(bob.chat, id).map(({ content }) => content));
    expect(messages(ann.chat, id).flatMap(({ content }) => (content.startsWith("ann") ? [content] : []))).toEqual(Array.from({ length: 61 }, (_, i) => `ann ${i}`));
  });
});

describe("who is there", () => {
  test("typing reaches who has the conversation open, and nobody else", async () => {
    const { ann, bob, id } = await pair();
    const close = bob.chat.show(id);
    const elsewhere = await device(bob.name);
    await soon(() => {
      ann.chat.typing(id, false);
      ann.chat.typing(id, true);
      expect(bob.chat.conversation(id)?.typing).toEqual([ann.name]);
    });
    expect(elsewhere.chat.conversation(id)?.typing).toEqual([]);
    await ann.chat.send({ to: bob.name }, "done").acked;
    await soon(() => expect(bob.chat.conversation(id)?.typing).toEqual([]));
    close();
  });

  test("a watched user comes and goes", async () => {
    const { ann, bob, id } = await pair();
    expect(id).toMatch(/^d\./);
    const stop = ann.chat.watch([bob.name]);
    await soon(() => expect(ann.chat.presence(bob.name)?.status).toBe("ONLINE"));
    bob.chat.close();
    await soon(() => expect(ann.chat.presence(bob.name)?.status).toBe("OFFLINE"));
    expect(ann.chat.presence(bob.name)?.last_seen).toBeGreaterThan(Date.now() - 60_000);
    stop();
    expect(ann.chat.presence(bob.name)).toBe(null);
  });
});
