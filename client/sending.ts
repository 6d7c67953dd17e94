// One own message, or change of one, on its way: what `send` gives back.
import type { AckFrame } from "../protocol/frames/msg.ts";
import { ConfabError } from "./errors.ts";
import type { StoredMessage } from "./outbox-store.ts";

/** What an acknowledgement says of the message's place. */
export type Ack = Pick<AckFrame, "msg_id" | "conversation_id" | "epoch" | "seq" | "sent_at">;

/** PENDING: not acknowledged yet. SENT: committed. FAILED: refused for good, stored nowhere. */
export type SendingState = "PENDING" | "SENT" | "FAILED";

export interface SendingActions {
  retry(sending: Sending): void;
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

  /** Sends a FAILED message again, behind all that waits now. */
  retry(): void {
    if (this.#state === "FAILED") this.#actions.retry(this);
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
    this.#message = { ...this.#message, position };
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
