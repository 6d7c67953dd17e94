// Whole worlds from seeds: the real Worker, objects, client and archiver over a network and a clock that do what the seed says.
import { beforeAll, expect, test } from "vitest";
import { size } from "../sizes.ts";
import { bundle } from "./build.ts";
import type { Outcome } from "./inside/simulation.ts";
import { run } from "./run.ts";
import { KEPT, WIDER } from "./seeds.ts";

const SEEDS = size("simulated worlds", 12, 2_000);
const WIDER_SEEDS = size("wider worlds", 6, 500);
let program: string;

beforeAll(async () => {
  program = await bundle();
});

async function outcomes(from: number, to: number): Promise<Outcome[]> {
  const all: Outcome[] = [];
  await run(program, { from, to }, 2, false, (outcome) => {
    all.push(outcome);
    return false;
  });
  return all.toSorted((a, b) => a.seed - b.seed);
}

test(`[A1 A5 A11 E3] whatever is lost, late, doubled, cut or killed: what was acknowledged is there, once, in order, the same on every device`, async () => {
  const all = await outcomes(1, SEEDS);
  expect(all).toHaveLength(SEEDS);
  expect(all.flatMap(({ seed, breaches }) => breaches.map((breach) => `seed ${seed}: ${breach.join(": ")}`))).toEqual([]);
  // A world in which nothing happens would keep every rule.
  expect(all.reduce((sum, { events }) => sum + events, 0)).toBeGreaterThan(20 * SEEDS);
});

test("[A5 E3] what is lost comes back from the archive as it was, in a new epoch, on every device, and what was written meanwhile goes in", async () => {
  const all = await outcomes(WIDER, WIDER + WIDER_SEEDS - 1);
  expect(all.flatMap(({ seed, breaches }) => breaches.map((breach) => `seed ${seed}: ${breach.join(": ")}`))).toEqual([]);
  expect(all.reduce((sum, { restored }) => sum + restored, 0)).toBeGreaterThan(0);
});

test("any seed replays exactly, whatever ran before it", async () => {
  const together = await outcomes(1, 3);
  const last = await outcomes(3, 3);
  const again = await outcomes(1, 3);
  expect(again.map(({ hash }) => hash)).toEqual(together.map(({ hash }) => hash));
  expect(last[0]?.hash).toBe(together[2]?.hash);
  expect(new Set(together.map(({ hash }) => hash)).size).toBe(3);
});

test.each(KEPT)("seed %i keeps every rule: %s", async (seed) => {
  const [outcome] = await outcomes(seed, seed);
  expect(outcome?.breaches).toEqual([]);
});
