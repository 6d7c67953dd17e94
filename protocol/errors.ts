// Every error a client can get: its code, HTTP status and what the client should do about it.

/** `never`: the same call fails again. `later`: try again after `retry_after_ms`. `sync`: read the head again first. */
export interface ErrorPolicy {
  http: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 426 | 429 | 500 | 503;
  retry: "never" | "later" | "sync";
  message: string;
}

export const ERRORS = {
  bad_frame: { http: 400, retry: "never", message: "The frame is not valid." },
  unknown_type: { http: 400, retry: "never", message: "This frame type is not known here." },
  bad_request: { http: 400, retry: "never", message: "The request is not valid." },
  bad_cursor: { http: 400, retry: "never", message: "The cursor is not one of this query's." },
  bad_receipt: { http: 400, retry: "never", message: "There is nothing here that this receipt could speak of." },
  frame_too_large: { http: 413, retry: "never", message: "The frame is over 128 KiB." },
  content_too_large: { http: 413, retry: "never", message: "The content is over 64 KiB." },
  e2ee_unsupported: { http: 400, retry: "never", message: "The server can't read this conversation." },
  media_unavailable: { http: 400, retry: "never", message: "This deployment has no media store." },
  media_type_refused: { http: 400, retry: "never", message: "Files of this type are not taken here." },
  media_too_large: { http: 413, retry: "never", message: "The file is over the limit of its kind." },
  media_mismatch: { http: 409, retry: "never", message: "What was uploaded is not what was announced." },
  media_not_found: { http: 404, retry: "never", message: "There is no such upload." },
  media_expired: { http: 404, retry: "never", message: "The file is not kept any longer." },
  too_many_uploads: { http: 429, retry: "later", message: "Too many uploads wait to be sent." },
  unauthorized: { http: 401, retry: "never", message: "A valid token is needed." },
  token_expired: { http: 401, retry: "never", message: "The token has expired." },
  forbidden: { http: 403, retry: "never", message: "This is not allowed." },
  https_required: { http: 403, retry: "never", message: "Use https and wss." },
  deactivated: { http: 403, retry: "never", message: "This user is deactivated." },
  origin_refused: { http: 403, retry: "never", message: "This origin is not allowed." },
  not_found: { http: 404, retry: "never", message: "There is no such thing here." },
  unknown_user: { http: 404, retry: "never", message: "This user is not registered." },
  method_not_allowed: { http: 405, retry: "never", message: "The path does not take this method." },
  upgrade_required: { http: 426, retry: "never", message: "This path takes WebSocket upgrades only." },
  edit_window_closed: { http: 409, retry: "never", message: "The message is too old to be changed." },
  invite_invalid: { http: 404, retry: "never", message: "The invitation is not valid." },
  handle_taken: { http: 409, retry: "never", message: "Somebody else has this handle." },
  group_full: { http: 409, retry: "never", message: "The group has no room for more members." },
  setting_pinned: { http: 409, retry: "never", message: "The environment sets this value." },
  archive_conflict: { http: 409, retry: "never", message: "The segment is not the one that was sealed." },
  epoch_changed: { http: 409, retry: "sync", message: "The conversation was restored; read it again from its start." },
  needs_restore: { http: 503, retry: "later", message: "The conversation waits to be restored." },
  rate_limited: { http: 429, retry: "later", message: "Too many requests." },
  archive_unavailable: { http: 503, retry: "later", message: "Older messages can't be read right now." },
  unavailable: { http: 503, retry: "later", message: "Try again." },
  internal: { http: 500, retry: "later", message: "Something went wrong on the server." },
} as const satisfies Record<string, ErrorPolicy>;

export type ErrorCode = keyof typeof ERRORS;

/** What REST puts below `error`, and what an `error` frame carries beside its type. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  retry_after_ms?: number;
}

export interface ErrorDetail {
  /** Says which part was wrong; never holds what the caller may not know. */
  message?: string;
  retry_after_ms?: number;
}

/** Thrown at an edge and turned into an answer there; never crosses a call between objects. */
export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;
  constructor(code: ErrorCode, detail: ErrorDetail = {}) {
    super(`${code}: ${detail.message ?? ERRORS[code].message}`);
    this.name = "ChatError";
    this.code = code;
    this.detail = detail;
  }
}

export function errorBody(code: ErrorCode, detail: ErrorDetail = {}): ErrorBody {
  const policy = ERRORS[code];
  return {
    code,
    message: detail.message ?? policy.message,
    retryable: policy.retry !== "never",
    ...(detail.retry_after_ms === undefined ? {} : { retry_after_ms: detail.retry_after_ms }),
  };
}

/** Why a server closes a socket. A client reconnects on all but 4001 (a new token first) and 4010. */
export const CLOSE = {
  token: 4001,
  silent: 4008,
  slow: 4009,
  version: 4010,
  going_away: 4012,
  unsupported: 1003,
} as const;
