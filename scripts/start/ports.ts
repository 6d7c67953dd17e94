// Which ports are free on 127.0.0.1.
import { createServer } from "node:net";
import { UsageError } from "./plan.ts";

export const HOST = "127.0.0.1";

/**
 * Below the range from which the kernel takes ports for outgoing connections: a port picked there and bound a
 * moment later may have become some connection's own.
 */
const LOWEST = 20_000;
const HIGHEST = 31_999;
const TRIES = 200;

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error.code === "EACCES" ? new UsageError(`port ${port} may not be used by this user`) : error);
    });
    probe.listen({ port, host: HOST, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** Throws UsageError naming the first port that is taken. */
export async function requireFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (!(await isFree(port))) throw new UsageError(`port ${port} is taken; stop what listens there or choose another PORT`);
  }
}

/** A free port, different at each call; `random` gives numbers in [0, 1). */
export async function anyFreePort(random: () => number = Math.random, lowest = LOWEST, highest = HIGHEST): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = lowest + Math.floor(random() * (highest - lowest + 1));
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
  throw new Error(`no free port from ${lowest} to ${highest}`);
}

// Two callers in one process must not both be told of a port that neither has bound yet.
const handedOut = new Set<number>();
