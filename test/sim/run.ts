// Runs seeds on worker threads.
import { Worker } from "node:worker_threads";
import type { Outcome } from "./inside/simulation.ts";

export interface Seeds {
  from: number;
  to: number;
}

/** Seeds that a worker is given at once. */
const STRETCH = 20;

/** @param heard of each seed; true: that is enough */
export async function run(program: string, { from, to }: Seeds, threads: number, traced: boolean, heard: (outcome: Outcome) => boolean): Promise<void> {
  let next = from;
  let enough = false;
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil((to - from + 1) / STRETCH)) }, () => new Promise<void>((resolve, reject) => {
    const worker = new Worker(program, { eval: true });
    const end = (): void => void worker.terminate().then(() => resolve(), reject);
    const more = (): void => {
      if (enough || next > to) return end();
      const count = Math.min(STRETCH, to - next + 1);
      worker.postMessage({ from: next, count, traced });
      next += count;
    };
    worker.on("message", (message: Outcome | "done") => {
      if (enough) end();
      else if (message === "done") more();
      else if (heard(message)) {
        enough = true;
        end();
      }
    });
    worker.on("error", reject);
    more();
  })));
}
