// Notes for the run's report how often a test was tried, and why not once.
import { afterEach } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    tries?: number;
    /** What the first try failed with. */
    missed?: string;
  }
}

afterEach(({ task }) => {
  task.meta.tries = (task.result?.retryCount ?? 0) + 1;
  const [first] = task.result?.errors ?? [];
  if (first !== undefined) task.meta.missed = first.message;
});
