// What a connection needs, and what it says of itself.
import type { BackoffPolicy } from "../domain/backoff.ts";
import type { Doors } from "./doors.ts";
import type { Environment } from "./environment.ts";
import type { ConfabError } from "./errors.ts";
import type { ServerFrame } from "./frames.ts";
import type { PollPorts } from "./poll-link.ts";
import type { SocketTimes } from "./socket.ts";
import type { Tokens } from "./tokens.ts";

export type Hello = Extract<ServerFrame, { type: "hello" }>;

export type ConnectionState =
  | { kind: "connecting"; url: string; attempt: number }
  | { kind: "open"; url: string; user_id: string; transport: "socket" | "poll" }
  /** `retry_at`: ms since 1970. */
  | { kind: "waiting"; attempt: number; delay_ms: number; retry_at: number; cause: ConfabError }
  /** Trying again can't help until somebody acts, and calls `reconnect`. */
  | { kind: "refused"; error: ConfabError }
  | { kind: "closed" };

export interface ConnectionHandlers {
  state(state: ConnectionState): void;
  hello(hello: Hello): void;
  frames(frames: ServerFrame[]): void;
  /** Something new in a large conversation. */
  notified(handle: string, seq: number): void;
  malformed(reasons: string[]): void;
}

/** `well`: HTTP works. null: nothing answers. Else why the server refuses. */
export type Probed = ConfabError | "well" | null;

export interface ConnectionOptions {
  doors: Doors;
  device_id: string;
  tokens: Tokens;
  environment: Environment;
  backoff: BackoffPolicy;
  times: SocketTimes;
  /** Why a socket failed: a browser's WebSocket doesn't say. */
  probe: (token: string) => Promise<Probed>;
  polls: Omit<PollPorts, "user_id">;
  handlers: ConnectionHandlers;
}
