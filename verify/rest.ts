// REST as anybody would call it: one request, its status and its JSON. Knows nothing of what the answers mean.
import type { Deployment } from "./deployment.ts";

export interface Answer {
  status: number;
  body: unknown;
}

const REQUEST_MS = 15_000;
const RETRY_MS = 150;

/** Rejects where there is no answer, or one that is not JSON. */
export async function call(deployment: Deployment, userId: string, method: string, path: string, body?: string): Promise<Answer> {
  try {
    const token = await deployment.token(userId);
    const response = await fetch(`${deployment.url()}${path}`, {
      method,
      // Here nobody gains by smaller answers, and the deployment would pay for them.
      headers: { authorization: `Bearer ${token}`, "accept-encoding": "identity", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  } catch (error) {
    throw new Error(`${method} ${path} as ${userId} got no answer`, { cause: error });
  }
}

/** The typed error of an answer; null where it is none. */
export function errorOf({ status, body }: Answer): { code: string; retry_after_ms: number | null } | null {
  if (status < 400) return null;
  const error = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  if (typeof error !== "object" || error === null || !("code" in error)) return { code: `http_${status}`, retry_after_ms: null };
  const wait = "retry_after_ms" in error ? error.retry_after_ms : null;
  return { code: String(error.code), retry_after_ms: typeof wait === "number" ? wait : null };
}

/** Later answers may differ: the deployment is starting, busy or out of breath. */
const TRANSIENT = new Set(["unavailable", "internal", "rate_limited"]);
/** Nobody here restores anything: there is no other answer to wait for. */
const FINAL = new Set(["needs_restore"]);

/**
 * Until there is an answer other than "later", or until `withinMs` have passed: then the last answer, or the error.
 * @param alsoRetry codes to wait out besides the usual ones
 */
export async function persist(attempt: () => Promise<Answer>, withinMs: number, alsoRetry: readonly string[] = []): Promise<Answer> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let wait = RETRY_MS;
    try {
      const answer = await attempt();
      const error = errorOf(answer);
      const later = error !== null && !FINAL.has(error.code) && (answer.status >= 500 || TRANSIENT.has(error.code))
        && (error.code !== "archive_unavailable" || alsoRetry.includes(error.code));
      if (!later || performance.now() > deadline) return answer;
      wait = Math.min(error.retry_after_ms ?? RETRY_MS, 2_000);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, wait);
    });
  }
}
