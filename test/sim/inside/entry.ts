// A worker of the simulation: runs the seeds that it is told, one after the other, and says what became of each.
import { parentPort } from "node:worker_threads";
import "./installed.ts";
import { simulate } from "./simulation.ts";

export interface Asked {
  from: number;
  count: number;
  traced: boolean;
}

process.on("unhandledRejection", (error) => {
  throw error instanceof Error ? error : new Error(String(error));
});

parentPort?.on("message", ({ from, count, traced }: Asked) => {
  void (async () => {
    for (let seed = from; seed < from + count; seed++) parentPort?.postMessage(await simulate(seed, traced));
    parentPort?.postMessage("done");
  })();
});
