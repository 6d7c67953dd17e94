// Notes for the run's report how often a test was tried.
import { afterEach } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    tries?: number;
  }
}

afterEach(({ task }) => {
  task.meta.tries = (task.result?.retryCount ?? 0) + 1;
});
