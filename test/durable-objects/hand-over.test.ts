// Which watermarks go to the archive with an acknowledgement.
import { expect, test } from "vitest";
import type { Marks } from "../../domain/receipts.ts";
import { HandOver } from "../../durable-objects/conversation/hand-over.ts";

const marks = (delivered_seq: number, read_seq = 0): Marks => ({ delivered_seq, delivered_at: delivered_seq * 10, read_seq, read_at: read_seq * 10 });
const none: Marks = { delivered_seq: 4, delivered_at: 0, read_seq: 4, read_at: 0 };

function world() {
  const stays: { stay: { user_id: string; joined_seq: number }; marks: Marks }[] = [];
  const set = (user_id: string, now: Marks, joined_seq = 1) => {
    const known = stays.find(({ stay }) => stay.user_id === user_id && stay.joined_seq === joined_seq);
    if (known === undefined) stays.push({ stay: { user_id, joined_seq }, marks: now });
    else known.marks = now;
  };
  const newHandOver = () => new HandOver({ stored: () => stays });
  return { handOver: newHandOver(), again: newHandOver, set };
}

test("[A7] what has moved since the last acknowledgement is handed over, and what has not is not", () => {
  const { handOver, set } = world();
  set("ann", marks(3, 2));
  set("bob", none);
  expect(handOver.after({ from_seq: 1 })).toEqual([{ user_id: "ann", delivered_seq: 3, delivered_at: 30, read_seq: 2, read_at: 20 }]);
  expect(handOver.after({ from_seq: 5 })).toEqual([]);
  set("bob", { ...marks(6), read_seq: 4 });
  expect(handOver.after({ from_seq: 9 })).toEqual([{ user_id: "bob", delivered_seq: 6, delivered_at: 60, read_seq: 0, read_at: 0 }]);
});

test("[A7] an acknowledgement that comes again, or to another life of the conversation, brings all", () => {
  const { handOver, again, set } = world();
  set("ann", marks(3));
  set("bob", marks(4));
  expect(handOver.after({ from_seq: 1 })).toHaveLength(2);
  expect(handOver.after({ from_seq: 1 })).toHaveLength(2);
  expect(again().after({ from_seq: 5 })).toHaveLength(2);
});

test("[A7] of a member who came back the newest stay counts", () => {
  const { handOver, set } = world();
  set("ann", marks(30), 20);
  set("ann", marks(9), 1);
  expect(handOver.after({ from_seq: 1 })).toMatchObject([{ user_id: "ann", delivered_seq: 30 }]);
});

test("[A7] one answer holds so many, and the next one the others", () => {
  const { handOver, set } = world();
  for (let i = 0; i < 1_200; i += 1) set(`user-${i}`, marks(7));
  expect([1, 2, 3].map((from_seq) => handOver.after({ from_seq }).length)).toEqual([1_000, 200, 0]);
});
