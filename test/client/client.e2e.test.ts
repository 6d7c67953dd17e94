// The client against the started product, over wires that break.
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { connect, type ConfabClient, type ConnectOptions } from "../../client/client.ts";
import { type Environment, systemEnvironment } from "../../client/environment.ts";
import { type Product, startProduct } from "../product.ts";
import { Wire } from "./wire.ts";

let product: Product;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  product = await startProduct({ doors: 2, env: { CONFAB_RATE_LIMIT: "0" } });
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

afterAll(() => product?.discard());

const QUICK = { base_ms: 100, cap_ms: 1_000, stable_ms: 10_000 };
const soon = (check: () => void) => vi.waitFor(check, { timeout: 40_000, interval: 20 });
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);
let people = 0;

interface Person {
  chat: ConfabClient;
  name: string;
  /** Contents of all messages, as told. */
  heard: string[];
}

async function person(options: Partial<ConnectOptions> = {}): Promise<Person> {
  const name = `person-${++people}`;
  await product.token(name);
  const chat = connect({ url: product.url, token: () => product.token(name), user_id: name, backoff: QUICK, ...options });
  open.push(chat);
  const heard: string[] = [];
  chat.on("event", (event) => {
    if (event.type === "msg") heard.push(event.content);
  });
  await soon(() => expect(chat.listed).toBe(true));
  return { chat, name, heard };
}

async function wire(port = product.ports[0] as number): Promise<Wire> {
  const made = await new Wire(port).start();
  open.push(made);
  return made;
}

describe("what was sent arrives once, in order", () => {
  test("[A24] over kill -9 of the whole product: reconnects with recorded delays, fetches what it lacks, loses nothing", async () => {
    const [ann, bob] = [await person(), await person()];
    await ann.chat.send({ to: bob.name }, "m0").acked;
    const under = numbered(40, 1).map((content) => ann.chat.send({ to: bob.name }, content));
    await product.killTree();
    await soon(() => expect(ann.chat.reconnects.length).toBeGreaterThan(1));
    under.push(...numbered(10, 41).map((content) => ann.chat.send({ to: bob.name }, content)));
    await product.restart();
    await Promise.all(under.map(({ acked }) => acked));
    await soon(() => expect(bob.heard).toHaveLength(51));
    expect(bob.heard).toEqual(numbered(51));
    expect(ann.heard).toEqual(numbered(51));
    expect(ann.chat.reconnects.map(({ attempt }) => attempt)).toEqual(ann.chat.reconnects.map((_, i) => i));
    expect(ann.chat.reconnects.every(({ attempt, delay_ms }) => delay_ms <= Math.min(QUICK.cap_ms, QUICK.base_ms * 2 ** attempt))).toBe(true);
  });

  test("[A26] a session goes on at the other front door when its own is gone", async () => {
    const [first, second] = [await wire(product.ports[0]), await wire(product.ports[1])];
    const [ann, bob] = [await person(), await person({ url: [first.url, second.url] })];
    await ann.chat.send({ to: bob.name }, "m0").acked;
    await soon(() => expect(bob.heard).toEqual(["m0"]));
    first.down = true;
    first.cut();
    await Promise.all(numbered(20, 1).map((content) => ann.chat.send({ to: bob.name }, content).acked));
    await soon(() => expect(bob.heard).toEqual(numbered(21)));
    expect(bob.chat.state).toMatchObject({ kind: "open", url: second.url });
    await bob.chat.send({ to: ann.name }, "back").acked;
    await soon(() => expect(ann.heard.at(-1)).toBe("back"));
  });

  test("[D14] what is sent while cut off is PENDING and commits in the client's order, beside what others send meanwhile", async () => {
    const line = await wire();
    const [ann, bob] = [await person({ url: line.url }), await person()];
    await ann.chat.send({ to: bob.name }, "before").acked;
    line.down = true;
    line.cut();
    await soon(() => expect(ann.chat.state.kind).not.toBe("open"));
    const sendings = numbered(150).map((content) => ann.chat.send({ to: bob.name }, content));
    await bob.chat.send({ to: ann.name }, "meanwhile").acked;
    expect(new Set(sendings.map(({ state }) => state))).toEqual(new Set(["PENDING"]));
    line.down = false;
    await Promise.all(sendings.map(({ acked }) => acked));
    await soon(() => expect(ann.heard).toHaveLength(152));
    expect(ann.heard).toEqual(["before", "meanwhile", ...numbered(150)]);
    await soon(() => expect(bob.heard).toEqual(ann.heard));
  });

  test("[D8] cuts at random moments, half-open sockets among them: no loss, no repetition", async () => {
    const cuts = inject("long") ? 100 : 12;
    const line = await wire();
    // A busy machine may greet late: who polls then is soon back on a socket, which alone can be half-open.
    const times = { pong_ms: 300, handshake_ms: 1_000, socket_again_ms: 200 };
    const [ann, bob] = [await person({ url: line.url, times, limits: { ack_timeout_ms: 500 } }), await person({ url: line.url, times, limits: { ack_timeout_ms: 500 } })];
    const sendings: Promise<unknown>[] = [];
    const said = { ann: 0, bob: 0 };
    for (let cut = 0; cut < cuts; cut++) {
      for (let i = 0; i < 5; i++) {
        sendings.push(ann.chat.send({ to: bob.name }, `ann ${said.ann++}`).acked, bob.chat.send({ to: ann.name }, `bob ${said.bob++}`).acked);
      }
      // Somewhere between the first frame of the five and their last answer.
      await Promise.race(sendings.slice(-3));
      if (cut % 3 === 2) {
        await soon(() => [ann, bob].forEach(({ chat }) => expect(chat.state).toMatchObject({ kind: "open", transport: "socket" })));
        const ended = [ann, bob].map(({ chat }) => chat.reconnects.length);
        line.freeze();
        for (const { chat } of [ann, bob]) chat.wake();
        await soon(() => [ann, bob].forEach(({ chat }, i) => expect(chat.reconnects.length).toBeGreaterThan(ended[i] as number)));
      } else line.cut();
    }
    await Promise.all(sendings);
    const all = said.ann + said.bob;
    await soon(() => expect([ann.heard.length, bob.heard.length]).toEqual([all, all]));
    expect(ann.heard).toEqual(bob.heard);
    for (const who of ["ann", "bob"] as const) {
      expect(ann.heard.filter((content) => content.startsWith(who))).toEqual(Array.from({ length: said[who] }, (_, i) => `${who} ${i}`));
    }
    const history = await ann.chat.history(ann.chat.directId(bob.name) as string, { after: 0, limit: 100 });
    expect(history.events.map((event) => (event.type === "msg" ? event.content : ""))).toEqual(ann.heard.slice(0, 100));
  });
});

/** Sockets that lose some of what the server sends, and a record of what is pulled. */
class Lossy {
  readonly pulled: string[] = [];
  lost = 0;
  lose: (text: string) => boolean = () => false;

  readonly environment: Environment = {
    ...systemEnvironment,
    openSocket: (url, protocols) => {
      const socket = new WebSocket(url, protocols);
      socket.addEventListener("message", (event: MessageEvent<string>) => {
        if (!this.lose(event.data)) return;
        this.lost++;
        event.stopImmediatePropagation();
      });
      return socket;
    },
    fetch: (url, init) => {
      if (url.includes("/v1/history/")) this.pulled.push(new URL(url).search);
      return systemEnvironment.fetch(url, init);
    },
  };
}

describe("what was lost on the way is found", () => {
  test("[D7] one frame dropped: the jump in seq is seen, and exactly that range is pulled", async () => {
    const lossy = new Lossy();
    const [ann, bob] = [await person(), await person({ environment: lossy.environment })];
    await ann.chat.send({ to: bob.name }, "m0").acked;
    await soon(() => expect(bob.heard).toEqual(["m0"]));
    lossy.lose = (text) => text.includes('"m1"');
    await ann.chat.send({ to: bob.name }, "m1").acked;
    await soon(() => expect(lossy.lost).toBe(1));
    lossy.lose = () => false;
    await ann.chat.send({ to: bob.name }, "m2").acked;
    await soon(() => expect(bob.heard).toEqual(["m0", "m1", "m2"]));
    expect(lossy.pulled).toEqual(["?after=1&limit=1&order=asc"]);
  });

  test("[A5] the ack is lost and the socket stays open: the same key again, stored once", async () => {
    const lossy = new Lossy();
    const [ann, bob] = [await person({ environment: lossy.environment, limits: { ack_timeout_ms: 300 } }), await person()];
    lossy.lose = (text) => text.includes('"ack"') && !text.includes('"dup"');
    const ack = await ann.chat.send({ to: bob.name }, "once").acked;
    const history = await ann.chat.history(ack.conversation_id);
    expect(history.events).toMatchObject([{ seq: 1, content: "once", msg_id: ack.msg_id }]);
    await soon(() => expect(bob.heard).toEqual(["once"]));
  });
});

describe("reading", () => {
  test("[B11] a backlog over ten conversations arrives whole and in order, pushed or pulled", async () => {
    const line = await wire();
    const writers = await Promise.all(Array.from({ length: 10 }, () => person()));
    const reader = await person({ url: line.url });
    await Promise.all(writers.map(({ chat }) => chat.send({ to: reader.name }, "first").acked));
    await soon(() => expect(reader.heard).toHaveLength(10));
    line.down = true;
    line.cut();
    await Promise.all(writers.flatMap(({ chat }) => numbered(60).map((content) => chat.send({ to: reader.name }, content).acked)));
    line.down = false;
    await soon(() => expect(reader.heard).toHaveLength(610));
    for (const { chat } of writers) {
      const conversation = reader.chat.conversation(chat.directId(reader.name) as string);
      expect(conversation?.events.flatMap((event) => (event.type === "msg" ? [event.content] : []))).toEqual(["first", ...numbered(60)]);
    }
  });

  test("a group's life: members come and go, the title changes, and everybody's events say so", async () => {
    const [ann, bob, eve] = [await person(), await person(), await person()];
    const { conversation_id } = await ann.chat.createGroup("Lunch", [bob.name]);
    await soon(() => expect(bob.chat.conversations()).toMatchObject([{ title: "Lunch", kind: "group" }]));
    await ann.chat.send({ conversation_id }, "before eve").acked;
    await ann.chat.addMember(conversation_id, eve.name);
    await ann.chat.rename(conversation_id, "Dinner");
    await ann.chat.send({ conversation_id }, "after eve").acked;
    await soon(() => expect([bob.heard, eve.heard]).toEqual([["before eve", "after eve"], ["after eve"]]));
    expect(eve.chat.conversations()).toMatchObject([{ title: "Dinner" }]);
    await ann.chat.removeMember(conversation_id, bob.name);
    await soon(() => expect(bob.chat.conversations()).toEqual([]));
    await expect(bob.chat.history(conversation_id)).rejects.toMatchObject({ code: "not_found" });
    await eve.chat.removeMember(conversation_id, eve.name);
    expect(eve.chat.conversations()).toEqual([]);
    await expect(ann.chat.createGroup("Nobody", ["no-such-person"])).rejects.toMatchObject({ code: "unknown_user" });
  });
});
