// Back-pressure over real sockets: a device that acknowledges nothing gets its credit of events, is told once to pull, and is
// closed at twice the credit; nobody else notices.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { newUser, until, type User } from "./api.ts";
import { isEvent, type RawSocket } from "./raw-socket.ts";

const CREDIT = 20;
let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_CREDIT_EVENTS: String(CREDIT) } });
});

afterAll(() => product.discard());

const seqsOf = (socket: RawSocket): number[] => socket.frames.filter(isEvent).map((frame) => frame["seq"] as number);
const heads = (socket: RawSocket) => socket.frames.filter((frame) => frame.type === "sync_required").map((frame) => (frame["conversations"] as { head_seq: number }[]).map(({ head_seq }) => head_seq));

interface Party {
  ann: RawSocket;
  bob: User;
  slow: RawSocket;
  cat: RawSocket;
  group: string;
  /** Each goes out when the others have the one before. */
  send: (count: number) => Promise<number>;
}

/** Ann sends to Bob, who acknowledges nothing, and Cat, who does. Everything up to the group's creation is acknowledged. */
async function party(): Promise<Party> {
  const [annUser, bob, catUser] = [await newUser(product, "ann"), await newUser(product, "bob"), await newUser(product, "cat")];
  const ann = await annUser.socket({ receipts: true });
  const group = (await annUser.group([bob, catUser])).conversation_id;
  const [slow, cat] = [await bob.socket(), await catUser.socket({ receipts: true })];
  let sent = 0;
  return {
    ann, bob, slow, cat, group,
    async send(count) {
      for (let i = 0; i < count; i += 1) {
        sent += 1;
        ann.send({ type: "msg", conversation_id: group, content: `${sent}`, client_msg_id: `${sent}` });
        await cat.take({ type: "msg", content: `${sent}` });
      }
      return sent + 1;
    },
  };
}

test("[R10] [D4] without credit no events, one sync_required, the newest status; with credit again the head, and events", async () => {
  const { ann, slow, cat, bob, group, send } = await party();
  const own = await slow.ask({ type: "msg", conversation_id: group, content: "own", client_msg_id: "own" });
  await ann.take({ type: "msg", content: "own" });
  const head = 1 + await send(CREDIT + 5);
  await until(async () => heads(slow), (told) => told.length > 0);
  const before = seqsOf(slow);
  expect(before.length).toBeGreaterThanOrEqual(CREDIT);
  expect(before.length).toBeLessThan(CREDIT + 5);
  expect(heads(slow)).toHaveLength(1);
  // What became of the own message waits.
  cat.send({ type: "receipt", conversation_id: group, up_to_seq: own["seq"], status: "READ" });
  const receipts = async () => (await bob.call<{ receipts: { user_id: string; status: string }[] }>("GET", `/v1/conversations/${group}/receipts?msg_id=${String(own["msg_id"])}`)).body.receipts;
  await until(receipts, (all) => all.every(({ status }) => status === "READ"));
  const readByAll = () => slow.frames.filter((frame) => frame.type === "status" && frame["msg_id"] === own["msg_id"] && frame["read"] === 2);
  expect(readByAll()).toEqual([]);
  slow.send({ type: "receipt", conversation_id: group, up_to_seq: Math.max(...before), status: "DELIVERED" });
  await until(async () => heads(slow), (told) => told.length === 2);
  expect(heads(slow)[1]).toEqual([head]);
  await until(async () => readByAll(), (told) => told.length > 0);
  await send(1);
  await slow.take({ type: "msg", content: String(CREDIT + 6) });
});

test("[R11] [D4] at twice the credit it is closed with 4009, others get everything, and it comes back to where it was", async () => {
  const { slow, cat, bob, group, send } = await party();
  const closed = slow.closed;
  const head = await send(2 * CREDIT + 10);
  expect(await closed).toMatchObject({ code: 4009 });
  expect(new Set(seqsOf(cat)).size).toBeGreaterThanOrEqual(2 * CREDIT + 10);
  const last = Math.max(...seqsOf(slow));
  const back = await bob.socket({ receipts: true });
  back.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: last } } });
  await back.take({ type: "msg", seq: head });
  expect([...new Set(seqsOf(back))]).toEqual(Array.from({ length: head - last }, (_, i) => last + 1 + i));
});

test("[R11] a device that resumes again and again and acknowledges nothing is closed too", async () => {
  const { slow, group, send } = await party();
  await send(15);
  const closed = slow.closed;
  const again = setInterval(() => slow.open && slow.send({ type: "resume", cursors: { [group]: { epoch: 1, seq: 1 } } }), 20);
  expect(await closed).toMatchObject({ code: 4009 });
  clearInterval(again);
  expect(seqsOf(slow).length).toBeLessThanOrEqual(4 * CREDIT);
});
