import { expect, test, vi } from "vitest";
import { type Task, Tasks } from "../../durable-objects/platform/tasks.ts";

function setUp(tasks: Task[], armed: number | null = null): { tasks: Tasks; set: number[]; failed: string[] } {
  const set: number[] = [];
  const failed: string[] = [];
  return { tasks: new Tasks({ setAlarm: async (at) => void set.push(at) }, armed, tasks, (task) => failed.push(task)), set, failed };
}

function task(name: string, due: { at: number | null }, run: () => void = () => undefined): Task {
  return { name, dueAt: () => due.at, run: async () => run() };
}

test("[tasks] the alarm stands at the earliest due time, and an earlier one is left", () => {
  const [a, b] = [{ at: 5_000 as number | null }, { at: 3_000 as number | null }];
  const { tasks, set } = setUp([task("a", a), task("b", b)]);
  tasks.arm(1_000);
  a.at = 4_000;
  tasks.arm(1_000);
  b.at = 2_000;
  tasks.arm(1_000);
  expect(set).toEqual([3_000, 2_000]);
});

test("[tasks] an alarm is never set for the present, and one that is a minute late is set again", () => {
  const due = { at: 100 as number | null };
  const { tasks, set } = setUp([task("a", due)]);
  tasks.arm(1_000);
  tasks.arm(1_500);
  due.at = 70_000;
  tasks.arm(70_000);
  expect(set).toEqual([1_001, 70_001]);
});

test("[tasks] nothing waits: no alarm", () => {
  const { tasks, set } = setUp([task("a", { at: null })]);
  tasks.arm(1_000);
  expect(set).toEqual([]);
});

test("[tasks] a task that fails is told, comes again later, and holds up no other", async () => {
  const [bad, good] = [{ at: 1_000 as number | null }, { at: 1_000 as number | null }];
  let fails = 2;
  let ran = 0;
  const { tasks, set, failed } = setUp([
    task("bad", bad, () => {
      if (fails > 0) {
        fails -= 1;
        throw new Error("no");
      }
      bad.at = null;
    }),
    task("good", good, () => {
      ran += 1;
      good.at = null;
    }),
  ]);
  let now = 1_000;
  await tasks.fired(() => now);
  expect([failed, ran, set.length]).toEqual([["bad"], 1, 1]);
  expect(set[0]).toBeGreaterThan(now);
  while (bad.at !== null) {
    now = set.at(-1) as number;
    await tasks.fired(() => now);
  }
  expect([failed, ran]).toEqual([["bad", "bad"], 1]);
});

test("[tasks] a clock that is set back puts off no task that failed", async () => {
  const due = { at: 1_000 as number | null };
  let runs = 0;
  const { tasks } = setUp([task("a", due, () => {
    runs += 1;
    throw new Error("no");
  })]);
  await tasks.fired(() => 9_000_000);
  await tasks.fired(() => 1_000);
  expect(runs).toBe(2);
});

test("[tasks] a task that hangs holds up neither the others nor the next alarm, and is not started twice", async () => {
  const [slow, other] = [{ at: 1_000 as number | null }, { at: 1_000 as number | null }];
  const hanging = Promise.withResolvers<void>();
  let [started, ran] = [0, 0];
  const { tasks, set } = setUp([
    { name: "slow", dueAt: () => slow.at, run: () => {
      started += 1;
      return hanging.promise;
    } },
    task("other", other, () => (ran += 1)),
  ]);
  await tasks.fired(() => 1_000);
  await tasks.fired(() => 2_000);
  expect([started, ran]).toEqual([1, 2]);
  // It stays owed meanwhile: an object that dies here finds an alarm.
  other.at = null;
  await tasks.fired(() => 3_000);
  expect(set.at(-1)).toBeGreaterThan(3_000);
  slow.at = 4_000;
  hanging.resolve();
  // Its end arms for what it has left.
  await vi.waitFor(() => expect(set.at(-1)).toBe(4_000));
  await tasks.fired(() => 5_000);
  expect(started).toBe(2);
});
