// Waits until something answers over HTTP on 127.0.0.1.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 25;
const REQUEST_MS = 2_000;

export interface Wanted {
  readonly url: string;
  /** After this it rejects with the last answer. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Resolves with the first answer of status 200; rejects after `withinMs` or when `signal` aborts. */
export async function untilOk({ url, withinMs, signal }: Wanted): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last = "no answer";
  for (;;) {
    last = await ask(url, signal);
    if (last === "200") return;
    if (Date.now() > deadline) throw new Error(`${url} does not serve: ${last}`);
    await delay(POLL_MS, undefined, { signal });
  }
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]) });
    const text = await answer.text();
    return answer.status === 200 ? "200" : `${answer.status} ${text.slice(0, 200)}`;
  } catch (error) {
    signal.throwIfAborted();
    const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
