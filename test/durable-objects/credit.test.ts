// The ledger of what a device was pushed and has not acknowledged.
import { expect, test } from "vitest";
import { Credit } from "../../durable-objects/session/credit.ts";

const CONVERSATION = `g.${"0".repeat(32)}`;
const HEAD = 42;

function creditOf(events: number): { credit: Credit<object>; push: (from: number, to: number) => string; resume: (from: number, to: number) => void; socket: object } {
  const credit = new Credit<object>({ rule: () => ({ events, bytes: 1_000_000 }), headOf: () => HEAD, settledSince: () => [] });
  const socket = {};
  const runOf = (from: number, to: number) => ({ conversation_id: CONVERSATION, to_seq: to, events: to - from + 1, bytes: 100 });
  return {
    credit, socket,
    push: (from, to) => credit.push(socket, runOf(from, to), { conversation_id: CONVERSATION, epoch: 1, head_seq: to }),
    resume: (from, to) => credit.pushed(socket, runOf(from, to)),
  };
}

test("[R10] what a device had when it came back is no debt when it is pushed again, and what is behind it is", () => {
  const { credit, socket, push } = creditOf(10);
  expect(credit.resumed(socket)).toEqual([]);
  credit.has(socket, CONVERSATION, 32);
  expect(push(2, 32)).toBe("push");
  expect(push(33, 33)).toBe("push");
  expect(push(30, 42)).toBe("push");
  expect(push(43, 43)).toBe("tell");
  expect(credit.acknowledged(socket, CONVERSATION, 42, undefined)).toEqual([{ type: "sync_required", conversations: [{ conversation_id: CONVERSATION, epoch: 1, head_seq: 43 }] }]);
});

test("[R10] what a device pulled and acknowledged before the push of it came is no debt: nobody would acknowledge it again", () => {
  const { credit, socket, push, resume } = creditOf(10);
  expect(credit.acknowledged(socket, CONVERSATION, 20, undefined)).toBeNull();
  resume(1, 20);
  expect(push(5, 20)).toBe("push");
  expect(push(21, 21)).toBe("push");
});

test("[R10] a repeat is no debt, and none gets through without credit", () => {
  const { credit, socket, push } = creditOf(10);
  const repeat = () => credit.push(socket, { conversation_id: CONVERSATION, to_seq: 30, events: 30, bytes: 100 }, { conversation_id: CONVERSATION, epoch: 1, head_seq: 30 }, true);
  expect(repeat()).toBe("push");
  expect(push(31, 40)).toBe("push");
  expect(repeat()).toBe("tell");
  expect(repeat()).toBe("withhold");
});

test("[R10] who says that they have what is not there yet has no more credit for it", () => {
  const { credit, socket, push } = creditOf(10);
  credit.acknowledged(socket, CONVERSATION, Number.MAX_SAFE_INTEGER, undefined);
  expect(push(HEAD + 1, HEAD + 10)).toBe("push");
  expect(push(HEAD + 11, HEAD + 11)).toBe("tell");
});
