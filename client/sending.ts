// One own message, or change of one, on its way: what `send` gives back.
import type { AckFrame } from "../protocol/frames/msg.ts";
import { ConfabError } from "./errors.ts";
import type { StoredMessage } from "./outbox-store.ts";

/** What an acknowledgement says of the message's place. */
export type Ack = Pick<AckFrame, "msg_id" | "conversation_id" | "epoch" | "seq" | "sent_at" | "media_key">;

/** PENDING: not acknowledged yet. SENT: committed. FAILED: refused for good, stored nowhere. */
export type SendingState = "PENDING" | "SENT" | "FAILED";

/**
 * What becomes of a message's file before the message can go. `reading`: it is read, or waits its turn. `waiting`: it failed, and is
 * tried again at `retry_at`, ms since 1970.
 */
export type UploadState = { phase: "reading" } | { phase: "sending"; sent: number; size: number } | { phase: "waiting"; error: ConfabError; retry_at: number };

export interface SendingActions {
  retry(sending: Sending): void;
  cancel(sending: Sending): void;
  discard(sending: Sending): void;
}

export class Sending {
  readonly #actions: SendingActions;
  #message: StoredMessage;
  #state: SendingState = "PENDING";
  #ack: Ack | null = null;
  #error: ConfabError | null = null;
  #settled = Promise.withResolvers<Ack>();
  /** The outbox's: written to the present socket, and not answered. */
  flying = false;
  /** The uploads' to change: null where there is no file, and once it is up. */
  upload: UploadState | null = null;
  /** The uploads' to change: the file, as far as it is at hand here. */
  file: Blob | null = null;

  constructor(message: StoredMessage, actions: SendingActions) {
    this.#message = message;
    this.#actions = actions;
    this.#quiet();
  }

  get message(): StoredMessage {
    return this.#message;
  }

  get client_msg_id(): string {
    return this.#message.client_msg_id;
  }

  /** Else an edit, a deletion or a reaction. */
  get isMessage(): boolean {
    return (this.#message.type ?? "msg") === "msg";
  }

  get content(): string {
    return this.#message.content;
  }

  get state(): SendingState {
    return this.#state;
  }

  /** null until SENT. */
  get ack(): Ack | null {
    return this.#ack;
  }

  /** Why it FAILED, or else null. */
  get error(): ConfabError | null {
    return this.#error;
  }

  /** Resolves once the message is committed; rejects with a ConfabError once it FAILED or the client was closed. */
  get acked(): Promise<Ack> {
    return this.#settled.promise;
  }

  /** Sends a FAILED message again, behind all that waits now; and tries an upload now that would wait. */
  retry(): void {
    if (this.#state === "FAILED" || this.upload?.phase === "waiting") this.#actions.retry(this);
  }

  /** Takes back a message whose file is not up yet; `acked` rejects with `aborted`. False: it is too late for that. */
  cancel(): boolean {
    if (this.#state !== "PENDING" || this.upload === null) return false;
    this.#actions.cancel(this);
    return true;
  }

  /** Forgets a FAILED message. */
  discard(): void {
    if (this.#state === "FAILED") this.#actions.discard(this);
  }

  /** The outbox's. */
  succeed(ack: Ack): void {
    this.#state = "SENT";
    this.#ack = ack;
    this.#error = null;
    this.#settled.resolve(ack);
  }

  /** The outbox's. */
  fail(error: ConfabError): void {
    this.#state = "FAILED";
    this.#error = error;
    this.#settled.reject(error);
  }

  /** The outbox's: it is to be sent once more. */
  again(message: StoredMessage): void {
    this.#message = message;
    this.#state = "PENDING";
    this.#error = null;
    this.#settled = Promise.withResolvers();
    this.#quiet();
  }

  /** The outbox's: it takes another place in the order. */
  move(position: number): void {
    this.become({ ...this.#message, position });
  }

  /** The outbox's. */
  become(message: StoredMessage): void {
    this.#message = message;
  }

  /** The outbox's: the client is closed, the message stays in its store. */
  abandon(): void {
    this.#settled.reject(new ConfabError("closed", "The client was closed before the message was acknowledged."));
  }

  /** Who only looks at `state` must not crash from a rejection that nobody awaits. */
  #quiet(): void {
    this.#settled.promise.catch(() => undefined);
  }
}
