// One connection to the server from its beginning to its end, whatever carries it: a socket, or polls.
import type { HelloFrame } from "../protocol/frames/sync.ts";
import type { ConfabError } from "./errors.ts";
import type { ServerFrame } from "./frames.ts";

export interface LinkEnd {
  /** The server took it; a refusal by HTTP status leaves this false. */
  opened: boolean;
  /** How long it was usable, from `hello`, ms; 0 where it never was. */
  open_ms: number;
  /** As closed by the server; 1006 where the connection broke or was found dead. */
  code: number;
  reason: string;
  /** Where the server said it in an answer. */
  error?: ConfabError;
}

export interface LinkHandlers {
  hello(hello: HelloFrame): void;
  frames(frames: ServerFrame[]): void;
  /** Something new in a large conversation. */
  notified(handle: string, seq: number): void;
  malformed(reasons: string[]): void;
  /** Called once; nothing comes after it. */
  end(end: LinkEnd): void;
}

export interface Link {
  /** False when there is nobody to write to. */
  write(frames: readonly object[]): boolean;
  /** Asks now whether anybody is there, and ends if not. */
  check(): void;
  /** How often to say that this device is there, ms. */
  beatEvery(interval_ms: number): void;
  /** Ends it here and now: a half-open connection's own end may take minutes. */
  drop(reason: string): void;
  close(): void;
}
