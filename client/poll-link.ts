// The connection where no socket gets through: what comes is polled for, what goes is posted, one request of each at a
// time. To the rest of the client it is a socket: it ends, and never comes back by itself.
import { decideBackoff, REPEAT } from "../domain/backoff.ts";
import { HEARTBEATS } from "../protocol/frames/presence.ts";
import { CONTENT_BYTES, FRAME_BYTES, FRAMES_PER_ARRAY, PAGE_MAX, POLL_WAIT_MS } from "../protocol/limits.ts";
import type { PollAnswer } from "./answers.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, type ConfabError } from "./errors.ts";
import { decodeServerItems } from "./frames.ts";
import type { Link, LinkHandlers } from "./link.ts";

export interface PollPorts {
  poll(user_seq: number, wait: number, signal: AbortSignal): Promise<PollAnswer>;
  post(frames: readonly object[], signal: AbortSignal): Promise<Pick<PollAnswer, "frames">>;
  user_id(): string | null;
}

/** Failures of one request in a row before the connection counts as gone. */
const TRIES = 3;

export class PollLink implements Link {
  readonly #environment: Environment;
  readonly #device_id: string;
  readonly #ports: PollPorts;
  readonly #handlers: LinkHandlers;
  readonly #ending = new AbortController();
  /** The poll that is held. */
  #asking = new AbortController();
  #waiting: object[] = [];
  #posting = false;
  #greeted_at: number | null = null;
  #ended = false;

  constructor(environment: Environment, device_id: string, ports: PollPorts, handlers: LinkHandlers) {
    this.#environment = environment;
    this.#device_id = device_id;
    this.#ports = ports;
    this.#handlers = handlers;
    void this.#run();
  }

  write(frames: readonly object[]): boolean {
    if (this.#ended || this.#greeted_at === null) return false;
    this.#waiting.push(...frames);
    if (!this.#posting) void this.#post();
    return true;
  }

  /** A poll that is held says nothing of the line: it is asked anew, on whatever line there is now. */
  check(): void {
    if (this.#greeted_at !== null) this.#asking.abort();
  }

  /** Polls are signs enough. */
  beatEvery(): void {}

  drop(reason: string): void {
    this.#finish(1006, reason);
  }

  close(): void {
    this.#finish(1000, "closed here");
  }

  async #run(): Promise<void> {
    // What waits there from earlier is brought by the resume, in the order of its cursors.
    const first = await this.#tried((signal) => this.#ports.poll(0, 0, signal));
    if (first === null) return;
    this.#greet(first.user_seq);
    for (let { user_seq } = first; !this.#ended; ) {
      const since = user_seq;
      this.#asking = new AbortController();
      const { signal: asked } = this.#asking;
      const answer = await this.#tried((signal) => this.#ports.poll(since, POLL_WAIT_MS, AbortSignal.any([signal, asked])), asked);
      if (answer === null && asked.aborted && !this.#ended) continue;
      if (answer === null) return;
      this.#take(answer.frames);
      user_seq = answer.user_seq;
    }
  }

  async #post(): Promise<void> {
    this.#posting = true;
    while (this.#waiting.length > 0 && !this.#ended) {
      const frames = this.#waiting.splice(0, FRAMES_PER_ARRAY);
      const answer = await this.#tried((signal) => this.#ports.post(frames, signal));
      if (answer !== null) this.#take(answer.frames);
    }
    this.#posting = false;
  }

  /** A request, again where that may help; null once the connection is given up, or nobody waits for it any more. */
  async #tried<T>(request: (signal: AbortSignal) => Promise<T>, asked?: AbortSignal): Promise<T | null> {
    for (let attempt = 0; !this.#ended; attempt++) {
      try {
        const answer = await request(this.#ending.signal);
        return this.#ended ? null : answer;
      } catch (thrown) {
        const error = asConfabError(thrown);
        if (this.#ended || asked?.aborted === true) return null;
        // The first request shows whether there is a way at all; nobody waits long for that.
        if (!error.retryable || this.#greeted_at === null || attempt + 1 >= TRIES) this.#finish(1006, error.message, error);
        else await this.#pause(Math.max(error.retry_after_ms ?? 0, decideBackoff(attempt, this.#environment.random(), REPEAT)));
      }
    }
    return null;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#environment.later(ms, resolve));
  }

  #take(items: readonly unknown[]): void {
    if (this.#ended || items.length === 0) return;
    const { frames, malformed } = decodeServerItems(items);
    if (malformed.length > 0) this.#handlers.malformed(malformed);
    if (frames.length > 0) this.#handlers.frames(frames);
  }

  /** Nobody greets here: the limits are the protocol's. */
  #greet(user_seq: number): void {
    const user_id = this.#ports.user_id();
    if (user_id === null) {
      this.#finish(1006, "the token does not say whose it is");
      return;
    }
    const now = this.#environment.now();
    this.#greeted_at = now;
    this.#handlers.hello({
      type: "hello", user_id, device_id: this.#device_id, user_seq, server_time: now, heartbeat: HEARTBEATS.background,
      limits: { content_bytes: CONTENT_BYTES, frame_bytes: FRAME_BYTES, page: PAGE_MAX, frames_per_array: FRAMES_PER_ARRAY },
    });
  }

  #finish(code: number, reason: string, error?: ConfabError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ending.abort();
    const open_ms = this.#greeted_at === null ? 0 : Math.max(1, this.#environment.now() - this.#greeted_at);
    this.#handlers.end({ opened: true, open_ms, code, reason, ...(error === undefined ? {} : { error }) });
  }
}
