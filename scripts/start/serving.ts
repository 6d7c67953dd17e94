// Waits until something answers over HTTP on 127.0.0.1.
import { setTimeout as delay } from "node:timers/promises";
import { BY_HTTPS } from "./https-door.ts";

const POLL_MS = 25;
const REQUEST_MS = 2_000;
/** What answers this long, and not with 200, is not starting: it is wrong. */
const WRONG_MS = 5_000;

export interface Wanted {
  readonly url: string;
  /** After this, or after five seconds of wrong answers, it rejects with the last one. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

type Answer = { readonly kind: "ok" } | { readonly kind: "wrong" | "silent"; readonly why: string };

/** Resolves at the first answer with status 200; rejects after `withinMs`, or when `signal` aborts. */
export async function untilOk({ url, withinMs, signal }: Wanted): Promise<void> {
  const deadline = Date.now() + withinMs;
  let wrongSince: number | null = null;
  for (;;) {
    const answer = await ask(url, signal);
    if (answer.kind === "ok") return;
    const now = Date.now();
    wrongSince = answer.kind === "wrong" ? (wrongSince ?? now) : null;
    if (now > deadline || (wrongSince !== null && now - wrongSince > WRONG_MS)) throw new Error(`${url} does not serve: ${answer.why}`);
    await delay(POLL_MS, undefined, { signal });
  }
}

async function ask(url: string, signal: AbortSignal): Promise<Answer> {
  try {
    const answer = await fetch(url, { headers: BY_HTTPS, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]) });
    const text = await answer.text();
    return answer.status === 200 ? { kind: "ok" } : { kind: "wrong", why: `${answer.status} ${text.slice(0, 200)}` };
  } catch (error) {
    signal.throwIfAborted();
    const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
    return { kind: "silent", why: cause instanceof Error ? cause.message : String(cause) };
  }
}
