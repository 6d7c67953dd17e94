// Takes every message at once and keeps it until the server has committed it or refused it for good. The order in which
// messages are taken is the order in which each conversation commits them.
import * as v from "valibot";
import { UP_FRAMES } from "../protocol/frames/up.ts";
import { byteLength, CONTENT_BYTES, FRAME_BYTES } from "../protocol/limits.ts";
import { directId } from "./direct-id.ts";
import { type DispatchLimits, Dispatcher } from "./dispatcher.ts";
import type { Environment } from "./environment.ts";
import { ConfabError } from "./errors.ts";
import { encodeClientFrames } from "./frames.ts";
import type { OutboxStore, StoredMessage } from "./outbox-store.ts";
import { type Ack, Sending } from "./sending.ts";

export interface OutboxHandlers {
  write(frames: readonly object[]): boolean;
  silent(): void;
  tokenRefused(): void;
  /** `conversation_id` is null for a direct message while it is unknown who we are. */
  changed(sending: Sending, conversation_id: string | null): void;
  discarded(sending: Sending): void;
  /** The store did not take or give a message: it is sent all the same, and would not survive a reload. */
  storeFailed(error: unknown): void;
}

export type OutboxDraft = Omit<StoredMessage, "client_msg_id" | "created_at" | "position" | "failed"> & { client_msg_id?: string };

/** Codes that a new token ends; the message is not to blame. */
const TOKEN_CODES: ReadonlySet<string> = new Set(["token_expired", "unauthorized"]);

export class Outbox {
  readonly #environment: Environment;
  readonly #store: OutboxStore;
  readonly #handlers: OutboxHandlers;
  readonly #dispatcher: Dispatcher;
  readonly #messages = new Map<string, Sending>();
  /** What waits to be placed until the store is read and it is known who we are. */
  #placeless: Sending[] = [];
  readonly #directIds = new Map<string, string>();
  #user_id: string | null;
  #loaded = false;
  #closed = false;
  #position = 0;

  constructor(environment: Environment, store: OutboxStore, limits: DispatchLimits, user_id: string | null, handlers: OutboxHandlers) {
    this.#environment = environment;
    this.#store = store;
    this.#user_id = user_id;
    this.#handlers = handlers;
    this.#dispatcher = new Dispatcher(environment, limits, {
      frameOf,
      sizeOf,
      write: (frames) => handlers.write(frames),
      silent: () => handlers.silent(),
    });
  }

  /** Brings back what was stored. Nothing is written before that: new messages would overtake. */
  async load(): Promise<void> {
    let stored: StoredMessage[] = [];
    try {
      stored = await this.#store.load();
    } catch (error) {
      this.#handlers.storeFailed(error);
    }
    const early = this.messages();
    for (const message of stored) {
      if (this.#messages.has(message.client_msg_id)) continue;
      this.#position = Math.max(this.#position, message.position);
      const sending = this.#admit(message);
      if (message.failed === undefined) this.#placeless.push(sending);
      else sending.fail(new ConfabError(message.failed.code, message.failed.message));
      this.#changed(sending);
    }
    for (const sending of early) {
      sending.move(this.#nextPosition());
      this.#save(sending);
      this.#changed(sending);
    }
    this.#loaded = true;
    this.#placeAll();
  }

  /** Never refuses: what can't be sent is FAILED. The same client_msg_id again is the same message. */
  add(draft: OutboxDraft): Sending {
    const known = draft.client_msg_id === undefined ? undefined : this.#messages.get(draft.client_msg_id);
    if (known !== undefined) return known;
    const message: StoredMessage = {
      ...draft,
      client_msg_id: draft.client_msg_id ?? this.#environment.uuid(),
      created_at: this.#environment.now(),
      position: this.#nextPosition(),
    };
    const sending = this.#admit(message);
    const refusal = this.#closed ? new ConfabError("closed", "The client is closed.") : refusalOf(sending);
    if (refusal === null) {
      this.#save(sending);
      this.#placeless.push(sending);
      this.#placeAll();
    } else this.#fail(sending, refusal);
    this.#changed(sending);
    return sending;
  }

  /** All that is not SENT, in the client's order. */
  messages(): Sending[] {
    return [...this.#messages.values()].toSorted((a, b) => a.message.position - b.message.position);
  }

  /** null for a direct message while it is unknown who we are. */
  conversationOf({ conversation_id, to }: StoredMessage): string | null {
    if (conversation_id !== undefined) return conversation_id;
    if (this.#user_id === null || to === undefined) return null;
    const id = this.#directIds.get(to) ?? directId(this.#user_id, to);
    this.#directIds.set(to, id);
    return id;
  }

  /** A socket of this user is ready: everything unacknowledged is written again, in order, with the same keys. */
  connected(user_id: string): void {
    const news = this.#user_id === null;
    this.#user_id = user_id;
    if (news) for (const sending of this.messages()) this.#changed(sending);
    this.#placeAll();
    this.#dispatcher.open();
  }

  disconnected(): void {
    this.#dispatcher.shut();
  }

  /** Acknowledged, or seen in the sequence. Answers the message, once; null where it is none of ours. */
  acked(client_msg_id: string, ack: Ack): Sending | null {
    const sending = this.#messages.get(client_msg_id);
    if (sending === undefined) return null;
    this.#messages.delete(client_msg_id);
    this.#placeless = this.#placeless.filter((other) => other !== sending);
    this.#dispatcher.finished(sending, true);
    sending.succeed(ack);
    this.#remove(client_msg_id);
    this.#handlers.changed(sending, ack.conversation_id);
    return sending;
  }

  refused(client_msg_id: string, error: ConfabError): void {
    const sending = this.#messages.get(client_msg_id);
    if (sending === undefined || sending.state !== "PENDING") return;
    if (TOKEN_CODES.has(error.code)) {
      this.#handlers.tokenRefused();
      this.#dispatcher.postponed(sending, null, true);
    } else if (error.retryable) this.#dispatcher.postponed(sending, error.retry_after_ms, error.code === "rate_limited");
    else {
      this.#dispatcher.finished(sending, false);
      this.#fail(sending, error);
      this.#changed(sending);
    }
  }

  /** What is unacknowledged stays in the store. */
  close(): void {
    this.#closed = true;
    this.#dispatcher.shut();
    for (const sending of this.#messages.values()) if (sending.state === "PENDING") sending.abandon();
  }

  #placeAll(): void {
    if (!this.#loaded || this.#user_id === null) return;
    for (const sending of this.#placeless) this.#dispatcher.place(sending, this.conversationOf(sending.message) as string);
    this.#placeless = [];
  }

  #admit(message: StoredMessage): Sending {
    const sending = new Sending(message, { retry: (one) => this.#retry(one), discard: (one) => this.#discard(one) });
    this.#messages.set(message.client_msg_id, sending);
    return sending;
  }

  #retry(sending: Sending): void {
    const { failed: _, ...message } = sending.message;
    sending.again({ ...message, position: this.#nextPosition() });
    this.#save(sending);
    this.#placeless.push(sending);
    this.#placeAll();
    this.#changed(sending);
  }

  #discard(sending: Sending): void {
    this.#messages.delete(sending.client_msg_id);
    this.#remove(sending.client_msg_id);
    this.#handlers.discarded(sending);
  }

  /** A message waits for its writer to try again or to discard it; a change that was refused is gone once it was told. */
  #fail(sending: Sending, error: ConfabError): void {
    sending.fail(error);
    if (sending.isMessage) this.#save(sending);
    else queueMicrotask(() => sending.discard());
  }

  #changed(sending: Sending): void {
    this.#handlers.changed(sending, this.conversationOf(sending.message));
  }

  /** By the clock, so that it also ascends over reloads. */
  #nextPosition(): number {
    this.#position = Math.max(this.#environment.now(), this.#position + 1);
    return this.#position;
  }

  #save({ message, error }: Sending): void {
    const stored = error === null ? message : { ...message, failed: { code: error.code, message: error.message } };
    this.#store.put(stored).catch((error: unknown) => this.#handlers.storeFailed(error));
  }

  #remove(client_msg_id: string): void {
    this.#store.remove(client_msg_id).catch((error: unknown) => this.#handlers.storeFailed(error));
  }
}

function frameOf({ message }: Sending): object {
  const { type = "msg", client_msg_id, to, conversation_id, content, content_type, media_key, reply_to, mentions, target_msg_id, emoji, on } = message;
  switch (type) {
    case "msg":
      return { type, client_msg_id, to, conversation_id, content, content_type, media_key, reply_to, mentions };
    case "edit":
      return { type, client_msg_id, conversation_id, target_msg_id, content, mentions };
    case "delete":
      return { type, client_msg_id, conversation_id, target_msg_id };
    case "react":
      return { type, client_msg_id, conversation_id, target_msg_id, emoji, on };
  }
}

function sizeOf(sending: Sending): number {
  return byteLength(encodeClientFrames([frameOf(sending)]));
}

/** What the server would refuse anyway, and what it could not even name in its refusal. */
function refusalOf(sending: Sending): ConfabError | null {
  if (byteLength(sending.content) > CONTENT_BYTES) return new ConfabError("content_too_large", "The content is over 64 KiB.");
  if (sizeOf(sending) > FRAME_BYTES) return new ConfabError("frame_too_large", "The frame is over 128 KiB.");
  const result = v.safeParse(UP_FRAMES[sending.message.type ?? "msg"], frameOf(sending));
  return result.success ? null : new ConfabError("bad_frame", result.issues[0].message);
}
