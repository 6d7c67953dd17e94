// The client against the started product, over a network that loses frames, cuts, and leaves sockets half open.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ConfabClient, connect } from "../../client/client.ts";
import { type Product, startProduct } from "../product.ts";
import { size } from "../sizes.ts";
import { newUser, until, type User } from "./api.ts";
import { Flaky } from "./flaky.ts";

let product: Product;
const clients: ConfabClient[] = [];
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await product.discard();
});

const range = (length: number) => Array.from({ length }, (_, i) => i + 1);
const FAST = { base_ms: 100, cap_ms: 1_000, stable_ms: 5_000 };

function client(user: User, network: Flaky, device = "phone"): ConfabClient {
  const made = connect({ url: product.url, token: user.token, user_id: user.name, device_id: device, environment: network, backoff: FAST, times: { pong_ms: 300, handshake_ms: 2_000 } });
  clients.push(made);
  return made;
}

async function online(one: ConfabClient): Promise<void> {
  await until(async () => one.state.kind, (kind) => kind === "open");
}

/** What a client has of a conversation: seq and content, in its own order. */
function view(one: ConfabClient, id: string): string[] {
  return (one.conversation(id)?.events ?? []).flatMap((event) => (event.type === "msg" ? [`${event.seq} ${event.content}`] : []));
}

test("[D7] a lost frame is noticed by the jump in seq, and exactly that range is pulled", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const network = new Flaky();
  const reader = client(bob, network);
  await online(reader);
  const { conversation_id: id } = await ann.send(bob, "one");
  await until(async () => view(reader, id), (seen) => seen.length === 1);
  network.calls.length = 0;
  network.arrives = (text) => !text.includes('"content":"two"');
  await ann.send(bob, "two");
  await ann.send(bob, "three");
  expect(await until(async () => view(reader, id), (seen) => seen.length === 3)).toEqual(["1 one", "2 two", "3 three"]);
  const pulls = network.calls.filter((path) => path.startsWith(`/v1/history/${id}`)).map((path) => new URL(path, product.url).searchParams);
  expect(pulls.map((query) => query.get("after"))).toEqual(["1"]);
  expect(Number(pulls[0]?.get("limit"))).toBe(1);
});

test("[D14] what is sent while cut off is PENDING, and commits in the client's order when the cut heals", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const network = new Flaky();
  const writer = client(ann, network);
  await online(writer);
  const { conversation_id: id } = await ann.send(bob, "before");
  network.partition();
  await until(async () => writer.state.kind, (kind) => kind !== "open");
  const sent = range(20).map((i) => writer.send({ to: bob.name }, `cut off ${i}`));
  await bob.send(ann, "meanwhile");
  expect(new Set(sent.map(({ state }) => state))).toEqual(new Set(["PENDING"]));
  network.heal();
  writer.wake();
  const acks = await Promise.all(sent.map(({ acked }) => acked));
  expect(acks.map(({ seq }) => seq)).toEqual(range(20).map((i) => i + 2));
  expect(new Set(sent.map(({ state }) => state))).toEqual(new Set(["SENT"]));
  const expected = ["before", "meanwhile", ...range(20).map((i) => `cut off ${i}`)];
  const stored = await bob.history(id);
  expect(stored.map((event) => (event.type === "msg" ? event.content : ""))).toEqual(expected);
  await until(async () => view(writer, id), (seen) => seen.length === expected.length);
  expect(view(writer, id)).toEqual(expected.map((content, i) => `${i + 1} ${content}`));
});

test("[D8] random cuts and half-open sockets in mid-traffic lose nothing and double nothing", async () => {
  const cuts = size("[D8] cuts", 20, 100);
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const networks = [new Flaky(), new Flaky()] as const;
  const [a, b] = [client(ann, networks[0]), client(bob, networks[1])];
  await Promise.all([online(a), online(b)]);
  const sent = { a: 0, b: 0 };
  for (const cut of range(cuts)) {
    for (let i = 0; i < 5; i += 1) {
      a.send({ to: bob.name }, `a${(sent.a += 1)}`);
      b.send({ to: ann.name }, `b${(sent.b += 1)}`);
    }
    const network = networks[cut % 2] as Flaky;
    const before = network.sockets;
    if (cut % 3 === 0) {
      network.halfOpen();
      (cut % 2 === 0 ? a : b).wake();
    } else network.cut();
    await until(async () => [network.sockets > before, a.state.kind === "open", b.state.kind === "open"], (back) => back.every(Boolean));
  }
  const id = (await a.send({ to: bob.name }, "end").acked).conversation_id;
  const total = sent.a + sent.b + 1;
  await until(async () => [view(a, id).length, view(b, id).length], (lengths) => lengths.every((length) => length === total));
  const stored = (await ann.history(id)).map((event) => `${event.seq} ${event.type === "msg" ? event.content : ""}`);
  expect(view(a, id)).toEqual(stored);
  expect(view(b, id)).toEqual(stored);
  const contents = stored.map((line) => line.split(" ")[1] as string);
  expect(contents.filter((content) => content.startsWith("a"))).toEqual(range(sent.a).map((i) => `a${i}`));
  expect(contents.filter((content) => content.startsWith("b"))).toEqual(range(sent.b).map((i) => `b${i}`));
});

test("[A24] when the runtime is killed, clients come back by jittered backoff, and nothing is lost", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const [a, b] = [client(ann, new Flaky()), client(bob, new Flaky())];
  await Promise.all([online(a), online(b)]);
  await a.send({ to: bob.name }, "1").acked;
  product.killRuntime();
  await until(async () => a.state.kind, (kind) => kind !== "open");
  const acks = await Promise.all(range(10).map((i) => a.send({ to: bob.name }, `${i + 1}`).acked));
  const id = acks[0]?.conversation_id as string;
  await until(async () => view(b, id).length, (length) => length === 11);
  expect(view(b, id)).toEqual(range(11).map((i) => `${i} ${i}`));
  expect(a.reconnects.length).toBeGreaterThan(0);
  a.reconnects.forEach(({ attempt, delay_ms }) => expect(delay_ms).toBeLessThanOrEqual(Math.min(FAST.cap_ms, FAST.base_ms * 2 ** attempt)));
});

test("[D11] a backlog longer than the client is pushed is pulled to the end", async () => {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  const network = new Flaky();
  const reader = client(bob, network);
  await online(reader);
  const { conversation_id: id } = await ann.send(bob, "1");
  await until(async () => view(reader, id), (seen) => seen.length === 1);
  network.partition();
  for (const i of range(180)) await ann.send(bob, `${i + 1}`);
  network.heal();
  reader.wake();
  await until(async () => view(reader, id).length, (length) => length === 181);
  expect(view(reader, id)).toEqual(range(181).map((i) => `${i} ${i}`));
});
