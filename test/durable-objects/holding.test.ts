// Numbered messages through a session's lanes into a real conversation: in whatever order they come, and whoever dies meanwhile.
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { Lanes } from "../../durable-objects/session/lanes.ts";
import { HELD_FRAMES, HELD_MS } from "../../protocol/limits.ts";
import type { AppendAnswer } from "../../protocol/rpc.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";

const CONVERSATION = `g.${"0".repeat(32)}`;
const NOW = Date.UTC(2026, 10, 21);

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

class World {
  private readonly database = new DatabaseSync(":memory:");
  private store = new ConversationStore(nodeSql(this.database));
  private state!: ConversationState;
  lanes!: Lanes;
  /** How many of the next calls are lost: before they arrive, or their answers. */
  lost: ("call" | "answer")[] = [];

  constructor() {
    createGroup(this.store, { conversation_id: CONVERSATION, creator_id: "ann", title: "t", members: [], max_members: 9, location_hint: null, jurisdiction: null }, NOW);
    this.wakeConversation();
    this.wakeSession();
  }

  wakeConversation(): void {
    this.store = new ConversationStore(nodeSql(this.database));
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
  }

  /** What was held is forgotten: nobody was told that it is in. */
  wakeSession(): void {
    this.lanes = new Lanes({
      userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => true, gen: () => 1, missed: () => undefined,
      append: async (_id, call) => {
        const lost = this.lost.shift();
        if (lost === "call") throw new Error("lost on the way");
        const { answers } = appendItems(this.store, this.state, call, NO_CHANGES, Date.now());
        if (lost === "answer") throw new Error("the answer is lost");
        return { kind: "answers", answers };
      },
    });
  }

  send(device: string, number: number): Promise<AppendAnswer> {
    return new Promise((resolve) => {
      this.lanes.add(CONVERSATION, null, { client_msg_id: `${device}-${number}`, device_id: device, content: `${number}`, content_type: "text", client_sequence_number: number }, resolve);
    });
  }

  /** As a client does: what could not be sent is sent again. */
  async insist(device: string, number: number): Promise<AppendAnswer> {
    for (;;) {
      const answer = await this.send(device, number);
      if (answer.ok || answer.code !== "unavailable") return answer;
    }
  }

  /** Numbers of a device in the order of their commits; a `+` for each that went in with a gap. */
  committed(device: string): string[] {
    return this.store.readRange(1, this.state.head.seq, 1_000, "asc").filter((row) => row.device_id === device)
      .map((row) => JSON.parse(row.body as string) as { content: string; gap?: true }).map(({ content, gap }) => (gap === true ? `${content}+` : content));
  }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("[B17] [C11] 3, 5, 4 commit as 3, 4, 5; 7 alone after two seconds with a gap; a late 6 is stored once", async () => {
  const world = new World();
  const answers = [3, 5, 4].map((number) => world.send("phone", number));
  await Promise.all(answers);
  expect(world.committed("phone")).toEqual(["3", "4", "5"]);
  const seventh = world.send("phone", 7);
  await pass(HELD_MS - 10);
  expect(world.committed("phone")).toEqual(["3", "4", "5"]);
  await pass(20);
  expect(await seventh).toMatchObject({ ok: true });
  await Promise.all([world.send("phone", 6), world.send("phone", 6)]);
  expect(world.committed("phone")).toEqual(["3", "4", "5", "7+", "6"]);
  await world.send("phone", 8);
  expect(world.committed("phone").at(-1)).toBe("8");
});

test("[B17] [C11] two devices count apart, and what one waits for holds up neither the other nor what has no number", async () => {
  const world = new World();
  await Promise.all([world.send("phone", 1), world.send("tablet", 41)]);
  const waits = world.send("phone", 3);
  expect(await world.send("tablet", 42)).toMatchObject({ ok: true });
  const plain = new Promise((resolve) => {
    world.lanes.add(CONVERSATION, null, { client_msg_id: "plain", device_id: "phone", content: "plain", content_type: "text" }, resolve);
  });
  expect(await plain).toMatchObject({ ok: true });
  expect(world.lanes.busy(CONVERSATION)).toBe(true);
  await world.send("phone", 2);
  await waits;
  expect(world.committed("phone")).toEqual(["1", "plain", "2", "3"]);
  expect(world.lanes.busy(CONVERSATION)).toBe(false);
});

test(`[C11] of a device ${HELD_FRAMES} wait at most: one more sends all of them, in order`, async () => {
  const world = new World();
  await world.send("phone", 1);
  const early = Array.from({ length: HELD_FRAMES }, (_, i) => world.send("phone", HELD_FRAMES + 10 - i));
  await pass(0);
  expect(world.committed("phone")).toEqual(["1"]);
  early.push(world.send("phone", 3));
  await Promise.all(early);
  const numbers = world.committed("phone").slice(1).map((number) => Number.parseInt(number, 10));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(world.committed("phone").filter((number) => number.endsWith("+"))).toEqual(["3+", "11+"]);
});

test("[C11] the count is the rows': it survives the conversation, and a held message that its session forgot is sent again", async () => {
  const world = new World();
  await Promise.all([world.send("phone", 1), world.send("phone", 2)]);
  world.send("phone", 4).catch(() => undefined);
  await pass(10);
  world.wakeConversation();
  world.wakeSession();
  await Promise.all([world.send("phone", 4), world.send("phone", 3)]);
  // The timer of the session that is gone comes too late to matter.
  await pass(2 * HELD_MS);
  expect(world.committed("phone")).toEqual(["1", "2", "3", "4"]);
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("send" as const), device: fc.constantFrom("phone", "tablet"), number: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: HELD_MS }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), what: fc.constantFrom("call" as const, "answer" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wake" as const) }) },
);

test("[C11] whatever order numbers come in, each message is stored once, a gap stands where numbers were skipped, and all are answered", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const world = new World();
    const answers: Promise<AppendAnswer>[] = [];
    for (const given of steps) {
      if (given.kind === "send") answers.push(world.insist(given.device, given.number));
      else if (given.kind === "pass") await pass(given.ms);
      else if (given.kind === "lose") world.lost.push(given.what);
      else world.wakeConversation();
    }
    await pass(20 * HELD_MS);
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ ok: true });
    for (const device of ["phone", "tablet"]) {
      const committed = world.committed(device);
      const numbers = committed.map((number) => Number.parseInt(number, 10));
      expect(new Set(numbers).size).toBe(numbers.length);
      let last = numbers[0] ?? 0;
      committed.forEach((text, i) => {
        const number = numbers[i] as number;
        expect(text.endsWith("+")).toBe(number > last + 1);
        last = Math.max(last, number);
      });
    }
  }), { numRuns: 200 });
});
