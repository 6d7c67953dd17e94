import { expect, test } from "vitest";
import { PULL_PACE, Pulls } from "../../client/pulls.ts";
import { Simulation } from "./simulation.ts";

test("[D7] a clock that is set back by an hour holds up no pull", async () => {
  const simulation = new Simulation(1);
  let shift = 0;
  const environment = Object.assign(Object.create(simulation) as Simulation, { now: () => simulation.now() + shift, later: simulation.later.bind(simulation) });
  const ran: string[] = [];
  const pulls = new Pulls(environment, PULL_PACE, {
    run: async (key) => {
      ran.push(key);
      return "done";
    },
    failed: () => undefined,
  });
  pulls.want("before");
  await simulation.advance(1_000);
  shift = -3_600_000;
  pulls.want("after");
  await simulation.advance(1_000);
  expect(ran).toEqual(["before", "after"]);
});
