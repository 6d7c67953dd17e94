// Members come and go while messages fly: nobody gets an event from outside their stay, and those who stay miss none.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../protocol/events.ts";
import { startProduct, type Product } from "../product.ts";
import { size } from "../sizes.ts";
import { codeOf, newUser, operator, until, untilSettled, type User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

const ROUNDS = size("[A1] removals and returns under fire", 20, 150);
const AT_ONCE = 4;
let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "200" } });
});

afterAll(() => product.discard());

/** From joining to leaving, both included; Infinity while it lasts. */
function staysOf(user: string, events: readonly Event[]): [number, number][] {
  const stays: [number, number][] = [];
  for (const event of events) {
    const joins = (event.type === "created" && event.members.some(({ user_id }) => user_id === user)) || (event.type === "member_added" && event.user_id === user);
    if (joins) stays.push([event.seq, Number.POSITIVE_INFINITY]);
    const last = stays.at(-1);
    if (event.type === "member_removed" && event.user_id === user && last !== undefined) last[1] = event.seq;
  }
  return stays;
}

/** Sends a few frames in one text, and again when they are answered, until told to stop. */
function fire(socket: RawSocket, conversation_id: string): () => Promise<void> {
  let on = true;
  const run = async (): Promise<void> => {
    while (on) {
      const frames = Array.from({ length: AT_ONCE }, () => ({ type: "msg", conversation_id, content: "x", client_msg_id: randomUUID() }));
      const answers = frames.map(({ client_msg_id }) => socket.take((frame) => frame["client_msg_id"] === client_msg_id && frame.type !== "msg"));
      socket.send(frames);
      await Promise.all(answers);
    }
  };
  const done = run();
  return () => {
    on = false;
    return done;
  };
}

const seqsOf = (socket: RawSocket, conversation: string, ack: boolean): number[] => socket.frames
  .filter((frame) => frame["conversation_id"] === conversation && typeof frame["epoch"] === "number" && (frame.type === "ack") === ack)
  .map((frame) => Number(frame["seq"]));

test("[A1] removed and added again and again while everybody sends", async () => {
  const [ann, bob, eve] = await Promise.all(["ann", "bob", "eve"].map((prefix) => newUser(product, prefix))) as [User, User, User];
  const [anns, bobs, eves, second] = await Promise.all([ann, bob, eve, eve].map((user) => user.socket({ receipts: true }))) as [RawSocket, RawSocket, RawSocket, RawSocket];
  const group = (await ann.group([bob, eve])).conversation_id;
  const stops = [fire(anns, group), fire(eves, group)];
  const path = `/v1/conversations/${group}/members/${eve.name}`;
  for (let round = 0; round < ROUNDS; round += 1) {
    expect((await ann.call("DELETE", path)).status).toBe(204);
    expect(codeOf(await eve.call("GET", `/v1/history/${group}`))).toBe("404 not_found");
    expect((await ann.call("PUT", path)).status).toBe(201);
  }
  await Promise.all(stops.map((stop) => stop()));
  const { head_seq } = await untilSettled(await operator(product), group);

  const events = await ann.history(group);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: head_seq }, (_, i) => i + 1));
  const stays = staysOf(eve.name, events);
  expect(stays).toHaveLength(ROUNDS + 1);
  const outside = (seqs: readonly number[]): number[] => seqs.filter((seq) => !stays.some(([from, to]) => from <= seq && seq <= to));
  for (const socket of [eves, second]) expect(outside(seqsOf(socket, group, false))).toEqual([]);
  const acked = seqsOf(eves, group, true);
  expect(outside(acked)).toEqual([]);
  const byEve = events.filter(({ type, sender_id }) => type === "msg" && sender_id === eve.name).map(({ seq }) => seq);
  expect(acked.toSorted((a, b) => a - b)).toEqual(byEve);
  // A receipt for what she saw before she was removed comes too late; with many at once each is asked about, and only so many may wait.
  const errors = eves.frames.filter(({ type, code }) => type === "error" && !["not_found", "bad_receipt", "rate_limited"].includes(String(code)));
  expect(errors, JSON.stringify(errors.slice(0, 3))).toEqual([]);
  expect(outside((await eve.history(group)).map(({ seq }) => seq))).toEqual([]);
  expect((await eve.history(group)).map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).filter((seq) => seq >= (stays.at(-1)?.[0] ?? 0)));
  const missing = async (): Promise<number[]> => events.map(({ seq }) => seq).filter((seq) => !seqsOf(bobs, group, false).includes(seq));
  await until(missing, (seqs) => seqs.length === 0);
  // Each device of a user who was there all the time saw the one order.
  const seen = seqsOf(bobs, group, false);
  expect([...new Set(seen)]).toEqual(events.map(({ seq }) => seq));
  for (const socket of [anns, bobs, eves, second]) socket.cut();
});
