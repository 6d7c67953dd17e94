// Decides what is written when: each conversation's messages in order, several as one text message, a bounded number
// unanswered, again where no answer comes. Holds no message's fate; that is outbox.ts.
import { decideBackoff, REPEAT } from "../domain/backoff.ts";
import { FRAMES_PER_ARRAY } from "../protocol/limits.ts";
import type { Environment } from "./environment.ts";
import { Lane, planBatch } from "./lane.ts";
import type { Sending } from "./sending.ts";

export interface DispatchLimits {
  /** Messages written and not answered. */
  window: number;
  /** UTF-8 bytes of one text message; a single larger message goes alone. */
  batch_bytes: number;
  /** Until what was written on a socket that is still open is written again, ms. */
  ack_timeout_ms: number;
}

export const DISPATCH_LIMITS: DispatchLimits = { window: 64, batch_bytes: 96 * 1024 - 1, ack_timeout_ms: 10_000 };

export interface DispatchHandlers {
  frameOf(sending: Sending): object;
  sizeOf(sending: Sending): number;
  /** False where nothing can be written now. */
  write(frames: readonly object[]): boolean;
  /** What was written twice is not answered: this socket is no use. */
  silent(): void;
}

export class Dispatcher {
  readonly #environment: Environment;
  readonly #limits: DispatchLimits;
  readonly #handlers: DispatchHandlers;
  readonly #lanes = new Map<string, Lane>();
  readonly #laneOf = new Map<Sending, Lane>();
  #open = false;
  #window: number;
  #flying = 0;
  #paused_until = 0;
  #scheduled = false;
  #cancelPause: () => void = () => undefined;

  constructor(environment: Environment, limits: DispatchLimits, handlers: DispatchHandlers) {
    this.#environment = environment;
    this.#limits = limits;
    this.#window = limits.window;
    this.#handlers = handlers;
  }

  place(sending: Sending, conversation_id: string): void {
    const lane = this.#lanes.get(conversation_id) ?? new Lane(conversation_id);
    this.#lanes.set(conversation_id, lane);
    this.#laneOf.set(sending, lane);
    lane.add(sending);
    this.#schedule();
  }

  /** A socket is ready: everything unanswered is written again, in order. */
  open(): void {
    this.#open = true;
    this.#schedule();
  }

  /** The socket is gone. */
  shut(): void {
    this.#open = false;
    this.#cancelPause();
    for (const lane of this.#lanes.values()) {
      lane.cancelTimer();
      lane.land();
      lane.resume_at = 0;
      lane.timeouts = 0;
    }
    this.#flying = 0;
  }

  /** Answered for good, either way: it leaves its lane. */
  finished(sending: Sending, acked: boolean): void {
    const lane = this.#laneOf.get(sending);
    if (lane === undefined) return;
    if (acked) this.#window = Math.min(this.#limits.window, this.#window + 1);
    lane.refusals = 0;
    lane.remove(sending);
    this.#laneOf.delete(sending);
    if (lane.queue.length === 0) this.#lanes.delete(lane.conversation_id);
    this.#answered(sending, lane);
  }

  /**
   * Refused for now: it keeps its place, and all behind it waits.
   *
   * @param wait_ms what the server asks to wait, or null
   * @param everywhere the refusal is the user's, not the conversation's
   */
  postponed(sending: Sending, wait_ms: number | null, everywhere: boolean): void {
    const lane = this.#laneOf.get(sending);
    if (lane === undefined) return;
    const now = this.#environment.now();
    const until = now + (wait_ms ?? REPEAT.base_ms + decideBackoff(lane.refusals, this.#environment.random(), REPEAT));
    // One text message's refusals are one failure.
    if (lane.resume_at <= now) lane.refusals++;
    lane.resume_at = Math.max(lane.resume_at, until);
    if (everywhere) {
      // Beginning again with one keeps small how much is refused again.
      this.#window = 1;
      this.#paused_until = Math.max(this.#paused_until, until);
    }
    this.#answered(sending, lane);
  }

  #answered(sending: Sending, lane: Lane): void {
    if (sending.flying) this.#flying--;
    sending.flying = false;
    lane.timeouts = 0;
    if (!lane.flying) this.#continue(lane);
  }

  /** Nothing of it is on its way: what is next goes now, or once it may. */
  #continue(lane: Lane): void {
    lane.cancelTimer();
    const wait = lane.resume_at - this.#environment.now();
    if (wait > 0) lane.cancelTimer = this.#environment.later(wait, () => this.#schedule());
    else this.#schedule();
  }

  /** Not at once: what the same turn still adds goes into the same text message. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#open) {
      const now = this.#environment.now();
      if (now < this.#paused_until) {
        this.#cancelPause();
        this.#cancelPause = this.#environment.later(this.#paused_until - now, () => this.#schedule());
        return;
      }
      const ready = [...this.#lanes.values()].filter((lane) => !lane.flying && lane.resume_at <= now);
      const room = { count: Math.min(this.#window - this.#flying, FRAMES_PER_ARRAY), bytes: this.#limits.batch_bytes };
      const batch = room.count > 0 ? planBatch(ready, room, (sending) => this.#handlers.sizeOf(sending)) : [];
      if (batch.length === 0 || !this.#handlers.write(batch.map((sending) => this.#handlers.frameOf(sending)))) return;
      this.#flying += batch.length;
      for (const sending of batch) sending.flying = true;
      for (const lane of new Set(batch.map((sending) => this.#laneOf.get(sending) as Lane))) {
        lane.cancelTimer = this.#environment.later(this.#limits.ack_timeout_ms, () => this.#unanswered(lane));
      }
    }
  }

  #unanswered(lane: Lane): void {
    this.#flying -= lane.land();
    lane.timeouts++;
    if (lane.timeouts >= 2) this.#handlers.silent();
    else this.#continue(lane);
  }
}
