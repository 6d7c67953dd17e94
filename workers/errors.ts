// From errors to answers: typed codes with their HTTP status; anything else is `internal`, logged whole and told to nobody.
import type { Context } from "hono";
import { errorFields, log } from "../log/log.ts";
import { ChatError, type ErrorCode, type ErrorDetail, errorBody, ERRORS } from "../protocol/errors.ts";
import type { Result } from "../protocol/rpc.ts";

export function errorResponse(code: ErrorCode, detail: ErrorDetail = {}, headers: Record<string, string> = {}): Response {
  const retryAfter = detail.retry_after_ms;
  return Response.json({ error: errorBody(code, detail) }, {
    status: ERRORS[code].http,
    headers: retryAfter === undefined ? headers : { ...headers, "Retry-After": String(Math.ceil(retryAfter / 1_000)) },
  });
}

export function answerError(error: unknown, context: Context): Response {
  if (error instanceof ChatError) return errorResponse(error.code, error.detail);
  log("error", "request_failed", { method: context.req.method, path: context.req.routePath, ...errorFields(error) });
  return errorResponse("internal");
}

/** The good half of a call's answer; throws the other as its typed error. */
export function expectOk<T>(result: Result<T>): { ok: true } & T {
  if (result.ok) return result;
  const { message, retry_after_ms } = result;
  throw new ChatError(result.code, { ...(message === undefined ? {} : { message }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) });
}
