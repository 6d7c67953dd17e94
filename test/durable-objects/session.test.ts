// The parts of a session that need no socket: lanes, answers, the inbox.
import { expect, test } from "vitest";
import { Answers } from "../../durable-objects/session/answers.ts";
import { Lanes } from "../../durable-objects/session/lanes.ts";
import { listConversations } from "../../durable-objects/session/list.ts";
import { SessionStore } from "../../durable-objects/session/store.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { AppendAnswer, AppendCall, AppendItem, AppendReply } from "../../protocol/rpc.ts";
import { nodeSql } from "./sqlite.ts";

const item = (key: string): AppendItem => ({ client_msg_id: key, device_id: "phone", content: key, content_type: "text" });

function answersOf(call: AppendCall, from: number): AppendReply {
  return {
    kind: "answers",
    answers: call.items.map(({ client_msg_id }, i) => ({
      ok: true as const,
      ack: { type: "ack" as const, client_msg_id, msg_id: "m", conversation_id: call.conversation_id, epoch: 1, seq: from + i, status: "SENT" as const, sent_at: 0 },
    })),
  };
}

test("[lanes] what comes while a call is under way rides in the next one, and keeps its order", async () => {
  const calls: string[][] = [];
  const held = Promise.withResolvers<void>();
  const lanes = new Lanes({
    userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => true, gen: () => 1, missed: () => undefined,
    append: async (_id, call) => {
      calls.push(call.items.map(({ client_msg_id }) => client_msg_id));
      if (calls.length === 1) await held.promise;
      return answersOf(call, 1);
    },
  });
  const send = (key: string) => new Promise<AppendAnswer>((resolve) => {
    lanes.add("g", null, item(key), resolve);
  });
  const first = [send("1"), send("2")];
  await Promise.resolve();
  await Promise.resolve();
  const later = [send("3"), send("4"), send("5")];
  held.resolve();
  await Promise.all([...first, ...later]);
  expect(calls).toEqual([["1", "2"], ["3", "4", "5"]]);
});

test("[A5] an append whose answer is lost is made again, in order, before what follows it", async () => {
  const calls: string[] = [];
  let lost = 2;
  const lanes = new Lanes({
    userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => true, gen: () => 1, missed: () => undefined,
    append: async (_id, call) => {
      calls.push(call.items.map(({ client_msg_id }) => client_msg_id).join(","));
      if (lost > 0) {
        lost -= 1;
        throw new Error("the answer is lost");
      }
      return answersOf(call, 1);
    },
  });
  const done = ["1", "2"].map((key) => new Promise<AppendAnswer>((resolve) => {
    queueMicrotask(() => lanes.add("g", null, item(key), resolve));
  }));
  const answers = await Promise.all(done);
  expect(calls[0]).toBe(calls[1]);
  expect(calls[1]).toBe(calls[2]);
  expect(answers.every(({ ok }) => ok)).toBe(true);
});

test("[D14] what waits behind an append that can't be made is refused with it, so that a resend keeps the order", async () => {
  let down = true;
  const committed: string[] = [];
  const lanes = new Lanes({
    userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => true, gen: () => 1, missed: () => undefined,
    append: async (_id, call) => {
      if (down) throw Object.assign(new Error("too much to do"), { overloaded: true });
      committed.push(...call.items.map(({ client_msg_id }) => client_msg_id));
      return answersOf(call, 1);
    },
  });
  const refused: string[] = [];
  const send = (key: string) => new Promise<AppendAnswer>((resolve) => {
    lanes.add("g", null, item(key), (answer) => {
      if (!answer.ok) refused.push(key);
      // It is back the moment that the first one has heard of its refusal.
      down = false;
      resolve(answer);
    });
  });
  const first = send("1");
  await Promise.resolve();
  const answers = await Promise.all([first, send("2"), send("3")]);
  expect(answers.map((answer) => !answer.ok && answer.code)).toEqual(["unavailable", "unavailable", "unavailable"]);
  for (const key of refused) await send(key);
  expect(committed).toEqual(["1", "2", "3"]);
});

test("[unknown_user] whether the other user exists is asked only where the conversation doesn't", async () => {
  const asked: string[] = [];
  let exists = false;
  const lanes = new Lanes({
    userId: () => "ann", known: () => null, alone: () => true, gen: () => 1, missed: () => undefined,
    reachable: async (user) => {
      asked.push(user);
      return user === "bob" ? "yes" : user === "eve" ? "blocked" : "unknown";
    },
    append: async (_id, call) => {
      if (!exists && call.create === null) return { kind: "absent" };
      exists = true;
      return answersOf(call, 1);
    },
  });
  const send = (peer: string | null) => new Promise<AppendAnswer>((resolve) => {
    lanes.add(`d.${peer}`, peer === null ? null : ["ann", peer], item("k"), resolve);
  });
  expect(await send("nobody")).toMatchObject({ ok: false, code: "unknown_user" });
  expect(await send(null)).toMatchObject({ ok: false, code: "not_found" });
  expect(await send("bob")).toMatchObject({ ok: true });
  expect(await send("bob")).toMatchObject({ ok: true });
  expect(asked).toEqual(["nobody", "bob"]);
});

test("[answers] an array's items are answered in its order, and what is ready together goes out as one text", async () => {
  const sent: DownFrame[][] = [];
  const answers = new Answers(4, (frames) => sent.push(frames));
  const frame = (seq: number): DownFrame => ({ type: "skip", conversation_id: "g", epoch: 1, seq });
  answers.fill(2, frame(3));
  await Promise.resolve();
  expect(sent).toEqual([]);
  answers.fill(0, frame(1));
  answers.fill(1, null);
  await Promise.resolve();
  expect(sent).toEqual([[frame(1), frame(3)]]);
  answers.fill(3, frame(4));
  await Promise.resolve();
  expect(sent).toEqual([[frame(1), frame(3)], [frame(4)]]);
});

test("[inbox] a page's cursor is this user's and unaltered", async () => {
  const store = new SessionStore(nodeSql());
  store.commitRegistered("ann", 0);
  for (let i = 1; i <= 7; i += 1) {
    store.commitInbox({
      conversation_id: `g.${i}`, kind: "group", title: "t", peer_id: null, epoch: 1, settled_seq: i, settled_at: 0, head_msg_no: i, read_seq: 0, read_msg_no: 1,
      last_at: i * 10, left_at: null, user_seq: i, last_message: null, mentions: [], muted: false, archived: false, mode: "write",
    });
  }
  const page = (user: string, cursor: string | null) => listConversations(store, user, { cursor, limit: 3 }, async (rows) => rows);
  const first = await page("ann", null);
  if (!first.ok || first.list.next_cursor === null) throw new Error("no page");
  expect(first.list.conversations.map(({ conversation_id, unread }) => [conversation_id, unread])).toEqual([["g.7", 6], ["g.6", 5], ["g.5", 4]]);
  const second = await page("ann", first.list.next_cursor);
  expect(second.ok && second.list.conversations.map(({ conversation_id }) => conversation_id)).toEqual(["g.4", "g.3", "g.2"]);
  for (const wrong of [first.list.next_cursor.replace("50", "60"), `${first.list.next_cursor}x`, "x", ""]) expect(await page("ann", wrong)).toEqual({ ok: false, code: "bad_cursor" });
  expect(await page("bob", first.list.next_cursor)).toEqual({ ok: false, code: "bad_cursor" });
});
