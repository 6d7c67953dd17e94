// Which ports of this machine are free, and picking one for a server that binds it a moment later.
import { createServer } from "node:net";

export const HOST = "127.0.0.1";

/** Below the range that systems give to outgoing connections, or one of those could take the port in between. */
const LOWEST = 12_000;
const HIGHEST = 31_999;
const TRIES = 1_000;

/** Rejects where the port may not be used at all. */
export function isFree(port: number, host = HOST): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

// Two callers in one process must not both be told of a port that neither has bound yet.
const handedOut = new Set<number>();

/** A free port, different at each call. */
export async function freePort(host = HOST): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (handedOut.has(port) || !(await isFree(port, host))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port from ${LOWEST} to ${HIGHEST} on ${host}`);
}
