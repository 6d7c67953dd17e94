// Asking the edge what may be asked again: a call that got no answer is made once more, a little later.
import { setTimeout as pause } from "node:timers/promises";
import type * as v from "valibot";
import { retryDelay } from "../domain/retry.ts";
import { AckRefused, EdgeUnavailable, type HttpEdge } from "./edge.ts";

const TRIES = 6;

/** There is no such conversation, or nobody has registered this user. */
export class Absent extends Error {}

/** @param what below `/internal/archive/`. Throws Absent for a 404, AckRefused or EdgeUnavailable after several tries. */
export async function askEdge<T>(edge: Pick<HttpEdge, "call">, signal: AbortSignal, what: string, body: object, schema: v.GenericSchema<unknown, T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await edge.call(what, body, schema);
    } catch (error) {
      if (error instanceof AckRefused && error.status === 404) throw new Absent(what, { cause: error });
      const passes = error instanceof EdgeUnavailable || (error instanceof AckRefused && (error.status === 429 || error.status >= 500));
      if (!passes || attempt === TRIES) throw error;
      await pause(retryDelay(attempt, Math.random()), undefined, { signal });
    }
  }
}
