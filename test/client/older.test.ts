// Reading backwards into an archive that is down: what is tried again by itself, when, and when no more.
import { expect, test } from "vitest";
import type { PageAnswer } from "../../client/answers.ts";
import { type Environment, systemEnvironment } from "../../client/environment.ts";
import { ConfabError } from "../../client/errors.ts";
import { Older } from "../../client/older.ts";
import { Timeline } from "../../client/timeline.ts";
import { conversationId, run, text } from "../archiver/segments.ts";

const events = run(Array.from({ length: 10 }, (_, i) => text(`m${i}`)), { conversation: conversationId("older"), at: Date.UTC(2026, 10, 20), step: 1_000 });
const CURSOR = "the seam";

/** Time that stands still until a timer is due. */
function setting(answer: (cursor: string | undefined) => PageAnswer | ConfabError) {
  const timers: { ms: number; run: () => void }[] = [];
  const environment: Environment = {
    ...systemEnvironment, now: () => 1_000, random: () => 0.5,
    later: (ms, then) => {
      const timer = { ms, run: then };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
    },
  };
  const asked: (string | undefined)[] = [];
  const seen = { changed: 0, asked, timers };
  const timeline = new Timeline(conversationId("older"), { epoch: 1, seq: 10 });
  const older = new Older(timeline, environment, {
    page: async ({ cursor }) => {
      asked.push(cursor);
      const given = answer(cursor);
      if (given instanceof Error) throw given;
      return given;
    },
    applied: () => undefined,
    changed: () => (seen.changed += 1),
  });
  return { older, timeline, ...seen, seen };
}

const hot: PageAnswer = { events: events.slice(5).toReversed(), next_cursor: CURSOR, archive_unavailable: true, retry_after_ms: 5_000 };
const rest: PageAnswer = { events: events.slice(0, 5).toReversed(), next_cursor: null };
const down = new ConfabError("archive_unavailable", "down", { retryable: true, retry_after_ms: 5_000 });

async function fire(timers: { run: () => void }[]): Promise<void> {
  timers.shift()?.run();
  await new Promise(setImmediate);
}

test("[B15] it asks at the seam, never before the server's time, ever rarer, and shows no flicker while it does", async () => {
  let there = false;
  const { older, timeline, asked, timers, seen } = setting((cursor) => (cursor === undefined ? hot : there ? rest : down));
  await older.load();
  expect(timeline.run.map(({ seq }) => seq)).toEqual([6, 7, 8, 9, 10]);
  const waits: number[] = [];
  for (let i = 0; i < 6; i += 1) {
    expect(older.state).toMatchObject({ kind: "failed", error: { code: "archive_unavailable" } });
    waits.push(timers[0]?.ms ?? 0);
    await fire(timers);
  }
  expect(waits).toEqual([5_000, 5_000, 5_000, 5_000, 5_000, 8_500]);
  expect(asked).toEqual([undefined, ...Array.from({ length: 6 }, () => CURSOR)]);
  expect(seen.changed).toBe(6);
  there = true;
  await fire(timers);
  expect(older.state).toEqual({ kind: "none" });
  expect(timeline.run.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq));
  expect(timers).toEqual([]);
});

test("[B15] a call ends the wait; a closed client and other failures try nothing by themselves", async () => {
  const called = setting(() => down);
  await called.older.load();
  await called.older.load();
  expect([called.asked.length, called.timers.length]).toEqual([2, 1]);
  called.older.stop();
  expect(called.timers).toEqual([]);
  const restarted = setting(() => down);
  await restarted.older.load();
  restarted.older.reset();
  expect([restarted.older.state.kind, restarted.timers.length]).toEqual(["more", 0]);
  const other = setting(() => new ConfabError("unavailable", "no", { retryable: true }));
  await other.older.load();
  expect(other.older.state).toMatchObject({ kind: "failed", retry_at: null });
  expect(other.timers).toEqual([]);
});
