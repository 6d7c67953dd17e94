// How large a test is: its short form in `npm test`, its long form in `npm run test:long`. The run prints the sizes.
import { afterEach, inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    long: boolean;
  }
  interface TaskMeta {
    sizes?: Record<string, number>;
  }
}

const used: Record<string, number> = {};

/** The size `name` of this run, e.g. `size("messages", 1_000, 10_000)`; at the top of a file or inside a test. */
export function size(name: string, short: number, long: number): number {
  const chosen = inject("long") ? long : short;
  used[name] = chosen;
  return chosen;
}

/** A figure of this run that its end shows beside the sizes. */
export function noted(name: string, value: number): void {
  used[name] = Math.round(value);
}

afterEach(({ task }) => {
  task.meta.sizes = { ...used };
});
