// Every failure that the client reports: the server's codes, and those that arise on this side.
import { type ErrorCode, ERRORS } from "../protocol/errors.ts";

/**
 * `network`: no answer, the outcome is unknown. `timeout`: none in time. `aborted`: nobody waits for it any more.
 * `bad_answer`: an answer that is not the protocol's. `closed`: this client was closed. `store_failed`: the outbox's
 * store did not do its work. `unrecognised`: a code that a newer server gave. `file_unreadable`: the file changed on the disk,
 * or went. `upload_refused`: the store of files did not take it.
 */
export type ConfabErrorCode = ErrorCode | "network" | "timeout" | "aborted" | "bad_answer" | "closed" | "store_failed" | "unrecognised" | "file_unreadable" | "upload_refused";

export interface ConfabErrorDetail {
  retryable?: boolean;
  retry_after_ms?: number | undefined;
  /** HTTP status, where the error came by HTTP. */
  status?: number;
  cause?: unknown;
}

export class ConfabError extends Error {
  readonly code: ConfabErrorCode;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  /** What the server asks to wait, ms. */
  readonly retry_after_ms: number | null;
  readonly status: number | null;

  constructor(code: ConfabErrorCode, message: string, detail: ConfabErrorDetail = {}) {
    super(message, detail.cause === undefined ? {} : { cause: detail.cause });
    this.name = "ConfabError";
    this.code = code;
    this.retryable = detail.retryable ?? (code === "network" || code === "timeout" || code === "aborted");
    this.retry_after_ms = detail.retry_after_ms ?? null;
    this.status = detail.status ?? null;
  }
}

/** A code of the server's as ours. */
export function codeOf(text: string): ConfabErrorCode {
  return Object.hasOwn(ERRORS, text) ? (text as ErrorCode) : "unrecognised";
}

/** Whatever was thrown, as a ConfabError: what is none of ours is a failure to reach the server. */
export function asConfabError(thrown: unknown): ConfabError {
  if (thrown instanceof ConfabError) return thrown;
  return new ConfabError("network", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
