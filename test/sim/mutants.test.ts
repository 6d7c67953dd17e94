// The simulation against faults that somebody could make in the product's code. It knows none of them.
import { beforeAll, expect, test } from "vitest";
import { size } from "../sizes.ts";
import { bundle, patched } from "./build.ts";
import type { Outcome } from "./inside/simulation.ts";
import { MUTANTS } from "./mutants.ts";
import { run } from "./run.ts";

/** The short form takes every second one: each is a program of its own to build. */
const tried = MUTANTS.filter((_, i) => i % (MUTANTS.length / size("mutants", MUTANTS.length / 2, MUTANTS.length)) === 0);

test("a mutant whose text is gone, or there twice, is an error", () => {
  const patch = { file: "some.ts", text: "a", becomes: "b" };
  expect(patched("xax", patch)).toBe("xbx");
  expect(() => patched("xxx", patch)).toThrow("0 places");
  expect(() => patched("aa", patch)).toThrow("2 places");
});

test("there are at least twenty mutants, each with a name of its own", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});

let sound: string;

beforeAll(async () => {
  sound = await bundle();
});

async function outcome(program: string, seed: number): Promise<Outcome | null> {
  let one: Outcome | null = null;
  await run(program, { from: seed, to: seed }, 1, false, (given) => {
    one = given;
    return true;
  });
  return one;
}

test.concurrent.each(tried.map((mutant) => [mutant.name, mutant] as const))("the simulation finds: %s", async (_name, mutant) => {
  expect((await outcome(await bundle(mutant), mutant.seed))?.breaches.length).toBeGreaterThan(0);
  // … and nothing else is wrong with that world.
  expect((await outcome(sound, mutant.seed))?.breaches).toEqual([]);
});
