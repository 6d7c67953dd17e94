// Long polls: nothing is lost and nothing is shown twice, whatever is lost on the way and however often the client switches.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Head } from "../../protocol/frames/sync.ts";
import { size } from "../sizes.ts";
import { joinWaiting, planHeads, PollQueue } from "../../domain/poll.ts";
import { PollingSession } from "./polling.ts";
import { Session, World } from "./world.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

class Switching {
  readonly world = new World(["ann", "bob"], (user, world) => (user === "bob" ? new PollingSession(user, world) : new Session(user)));
  readonly bob = this.world.session("bob") as PollingSession;
  private held: Promise<string> | null = null;
  private unacked: number[] = [];

  async take(step: Step): Promise<void> {
    const { world, bob } = this;
    const { client } = bob;
    switch (step) {
      case "ann": return world.append("ann");
      case "bob": return this.send(true);
      case "bob, ack lost": return this.send(false);
      case "poll": this.poll(1_000); return;
      case "answer": return this.answer(true);
      case "answer lost": return this.answer(false);
      case "poll given up": this.held = null; return;
      case "socket": {
        bob.comes();
        bob.socket = "open";
        // As a client does: it resumes from what it has.
        if (world.state.head.seq > client.cursor) client.pull();
        return;
      }
      case "close": bob.socket = "none"; return;
      case "socket dies": if (bob.socket === "open") bob.socket = "dead"; return;
      case "evict": bob.evict(); this.held = null; return;
      case "crash": return world.crash();
      case "delivery fails": bob.fails += 1; return;
      case "fire": return world.fire();
      case "quiet": return world.quiet();
      case "pass": world.now += 700; return;
      case "long pass": world.now += 40_000; return;
    }
  }

  private send(acked: boolean): void {
    const { world, bob } = this;
    world.append("bob", "phone");
    this.unacked.push(world.state.head.seq);
    if (!acked) return;
    // What had no ack is sent again before it, and gets its first one.
    for (const seq of this.unacked.splice(0)) bob.client.event(seq);
  }

  poll(wait: number): void {
    this.held ??= this.bob.poll(this.bob.client.user_seq, wait);
  }

  async answer(arrives: boolean): Promise<void> {
    const { held } = this;
    if (held === null) return;
    this.held = null;
    vi.advanceTimersByTime(1_001);
    await this.world.quiet();
    const text = await Promise.race([held, Promise.resolve(null)]);
    if (arrives && text !== null) this.bob.client.answered(text);
  }

  /** Nothing fails any more, and bob polls. */
  async heal(): Promise<void> {
    const { world, bob } = this;
    bob.fails = 0;
    bob.socket = "none";
    this.held = null;
    for (const seq of this.unacked.splice(0)) bob.client.event(seq);
    const isSettled = () => world.store.readWatermarks().fanout_seq === world.state.head.seq && world.store.readLagging().length === 0;
    await world.quiet();
    for (let i = 0; i < 30 && !isSettled(); i += 1) await world.fire();
    expect(isSettled()).toBe(true);
    for (let i = 0; i < 3; i += 1) {
      this.poll(0);
      await this.answer(true);
    }
  }
}

const STEPS = [
  "ann", "bob", "bob, ack lost", "poll", "answer", "answer lost", "poll given up", "socket", "close", "socket dies", "evict", "crash", "delivery fails",
  "fire", "quiet", "pass", "long pass",
] as const;
type Step = (typeof STEPS)[number];

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>("ann") },
  { weight: 6, arbitrary: fc.constantFrom<Step>("poll", "answer", "quiet") },
  { weight: 9, arbitrary: fc.constantFrom<Step>(...STEPS) },
);

test("[I4] [A17] a client that switches between socket and poll at any moment, through losses and crashes, has every event once and in order", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const run = new Switching();
    await run.world.quiet();
    for (const given of steps) await run.take(given);
    await run.heal();
    expect(run.bob.client.timeline).toEqual(Array.from({ length: run.world.state.head.seq }, (_, i) => i + 1));
  }), { numRuns: size("polled histories", 200, 5_000) });
});

describe("what waits for a poll", () => {
  const events = (from: number, to: number, more: object = {}) => ({
    json: JSON.stringify(Array.from({ length: to - from + 1 }, (_, i) => ({ seq: from + i, ...more }))), frames: to - from + 1, head: head("a", to),
  });
  const head = (conversation_id: string, head_seq: number, epoch = 1) => ({ conversation_id, epoch, head_seq });

  test("[I5] comes in order, once, and leaves nothing", () => {
    const queue = new PollQueue();
    queue.add(events(1, 2));
    queue.add({ json: '{"type":"typing"}', frames: 1, head: null });
    expect(`[${joinWaiting(queue.take().waiting).join(",")}]`).toBe('[{"seq":1},{"seq":2},{"type":"typing"}]');
    expect([queue.isEmpty, queue.take()]).toEqual([true, { waiting: [], heads: [] }]);
  });

  test.each([["frames", 300, ""], ["characters", 40, "x".repeat(40_000)]])("[I5] is bounded in %s: the events give way to their heads", (_what, count, text) => {
    const queue = new PollQueue();
    for (let seq = 1; seq <= count; seq += 1) queue.add({ ...events(seq, seq, { text }), head: head(seq % 2 === 0 ? "a" : "b", seq) });
    const { waiting, heads } = queue.take();
    expect(waiting.length).toBeLessThan(count);
    const brought = waiting.map((item) => (item.head as Head).head_seq);
    const lost = heads.map(({ head_seq }) => head_seq);
    // What is still brought follows right on what was lost.
    expect(Math.max(...lost)).toBe((brought[0] ?? count + 1) - 1);
    expect(heads.map(({ conversation_id }) => conversation_id).toSorted()).toEqual(["a", "b"]);
  });

  test("[I5] a single batch that is too large is named alone", () => {
    const queue = new PollQueue();
    queue.add(events(1, 400));
    expect(queue.take()).toEqual({ waiting: [], heads: [head("a", 400)] });
  });

  test("[I4] an answer names what changed, less what it brings up to the head", () => {
    const brought = [events(4, 6)];
    expect(planHeads([head("a", 6), head("b", 2)], [], brought)).toEqual([head("b", 2)]);
    expect(planHeads([head("a", 7)], [], brought)).toEqual([head("a", 7)]);
    expect(planHeads([head("a", 6)], [head("a", 9)], brought)).toEqual([head("a", 9)]);
    expect(planHeads([head("a", 1, 2)], [], brought)).toEqual([head("a", 1, 2)]);
  });
});
