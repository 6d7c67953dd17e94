// Takes every message at once and keeps it until the server has committed it or refused it for good. The order in which
// messages are taken is the order in which each conversation commits them.
import * as v from "valibot";
import { Media } from "../protocol/media.ts";
import { directId } from "./direct-id.ts";
import { type DispatchLimits, Dispatcher } from "./dispatcher.ts";
import type { Environment } from "./environment.ts";
import { ConfabError } from "./errors.ts";
import { frameOf, refusalOf, sizeOf } from "./message-frame.ts";
import type { OutboxStore, StoredMessage, StoredUpload } from "./outbox-store.ts";
import { type Ack, Sending } from "./sending.ts";

export interface OutboxHandlers {
  write(frames: readonly object[]): boolean;
  silent(): void;
  tokenRefused(): void;
  /** `conversation_id` is null for a direct message while it is unknown who we are. */
  changed(sending: Sending, conversation_id: string | null): void;
  discarded(sending: Sending): void;
  files: OutboxFiles;
  /** The store did not take or give a message: it is sent all the same, and would not survive a reload. */
  storeFailed(error: unknown): void;
}

/** What brings the files of messages to the store. */
export interface OutboxFiles {
  /** `uploaded` or `failed` says what became of it. */
  start(sending: Sending): void;
  keep(sending: Sending, file: Blob): void;
  /** Nobody waits for it any more. */
  cancel(sending: Sending): void;
  /** It does not wait for another try any longer. */
  wake(sending: Sending): void;
}

export type OutboxDraft = Omit<StoredMessage, "client_msg_id" | "created_at" | "position" | "failed"> & { client_msg_id?: string };

/** Codes that a new token ends; the message is not to blame. */
const TOKEN_CODES: ReadonlySet<string> = new Set(["token_expired", "unauthorized"]);
/** Codes that say that an upload is not, or not rightly, at the store. */
const UPLOAD_CODES: ReadonlySet<string> = new Set(["media_not_found", "media_mismatch"]);

export class Outbox {
  readonly #environment: Environment;
  readonly #store: OutboxStore;
  readonly #handlers: OutboxHandlers;
  readonly #dispatcher: Dispatcher;
  readonly #messages = new Map<string, Sending>();
  /** Whose file was brought to the store once more. */
  readonly #uploadedAgain = new WeakSet<Sending>();
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
    const waiting: Sending[] = [];
    for (const message of stored) {
      if (this.#messages.has(message.client_msg_id)) continue;
      this.#position = Math.max(this.#position, message.position);
      const sending = this.#admit(message);
      if (message.failed === undefined) waiting.push(sending);
      else sending.fail(new ConfabError(message.failed.code, message.failed.message));
      this.#changed(sending);
    }
    for (const sending of early) {
      sending.move(this.#nextPosition());
      this.#save(sending);
      this.#changed(sending);
    }
    this.#loaded = true;
    for (const sending of waiting) this.#forward(sending);
    this.#placeAll();
  }

  /** Never refuses: what can't be sent is FAILED. The same client_msg_id again is the same message. */
  add(draft: OutboxDraft, file: Blob | null = null): Sending {
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
      if (file !== null) this.#handlers.files.keep(sending, file);
      this.#forward(sending);
    } else this.#fail(sending, refusal);
    this.#changed(sending);
    return sending;
  }

  /** The file is up: the message takes its place in the order now, so that no other waits for a file. */
  uploaded(sending: Sending, media_key: string): void {
    if (this.#messages.get(sending.client_msg_id) !== sending) return;
    sending.become({ ...sending.message, media_key, position: this.#nextPosition() });
    this.#save(sending);
    this.#forward(sending);
    this.#changed(sending);
  }

  failed(sending: Sending, error: ConfabError): void {
    if (this.#messages.get(sending.client_msg_id) !== sending) return;
    this.#fail(sending, error);
    this.#changed(sending);
  }

  /** What the message says of its file; of what the protocol does not know nothing is said. */
  described(sending: Sending, media: Media): void {
    const { success, output } = v.safeParse(Media, media);
    if (this.#messages.get(sending.client_msg_id) !== sending || sending.message.media_key !== undefined || !success) return;
    sending.become({ ...sending.message, media: output });
    this.#save(sending);
    this.#changed(sending);
  }

  learned(sending: Sending, upload: StoredUpload): void {
    if (this.#messages.get(sending.client_msg_id) !== sending) return;
    sending.become({ ...sending.message, upload });
    this.#save(sending);
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
    // Another window brought the same message to its end.
    if (sending.upload !== null) this.#handlers.files.cancel(sending);
    sending.succeed(ack);
    this.#remove(sending);
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
      if (!this.#uploadsAgain(sending, error)) this.#fail(sending, error);
      this.#changed(sending);
    }
  }

  /** What is unacknowledged stays in the store. */
  close(): void {
    this.#closed = true;
    this.#dispatcher.shut();
    for (const sending of this.#messages.values()) if (sending.state === "PENDING") sending.abandon();
  }

  /** Unsent uploads go after a day, and bytes can change on their way: the file is still here. */
  #uploadsAgain(sending: Sending, error: ConfabError): boolean {
    const { media_key, upload, ...message } = sending.message;
    if (upload === undefined || media_key === undefined || !UPLOAD_CODES.has(error.code)) return false;
    const { begun: _, ...task } = upload;
    sending.become({ ...message, upload: task });
    if (this.#uploadedAgain.has(sending)) return false;
    this.#uploadedAgain.add(sending);
    this.#save(sending);
    this.#forward(sending);
    return true;
  }

  /** To its place in the order, or first its file to the store. */
  #forward(sending: Sending): void {
    if (sending.message.upload !== undefined && sending.message.media_key === undefined) {
      this.#handlers.files.start(sending);
      return;
    }
    this.#placeless.push(sending);
    this.#placeAll();
  }

  #placeAll(): void {
    if (!this.#loaded || this.#user_id === null) return;
    for (const sending of this.#placeless) this.#dispatcher.place(sending, this.conversationOf(sending.message) as string);
    this.#placeless = [];
  }

  #admit(message: StoredMessage): Sending {
    const sending = new Sending(message, { retry: (one) => this.#retry(one), cancel: (one) => this.#cancel(one), discard: (one) => this.#discard(one) });
    this.#messages.set(message.client_msg_id, sending);
    return sending;
  }

  #retry(sending: Sending): void {
    if (this.#messages.get(sending.client_msg_id) !== sending) return;
    if (sending.state === "PENDING") {
      this.#handlers.files.wake(sending);
      return;
    }
    const { failed: _, ...message } = sending.message;
    sending.again({ ...message, position: this.#nextPosition() });
    this.#save(sending);
    this.#forward(sending);
    this.#changed(sending);
  }

  #cancel(sending: Sending): void {
    sending.fail(new ConfabError("aborted", "The message was cancelled."));
    this.#handlers.files.cancel(sending);
    this.#discard(sending);
  }

  #discard(sending: Sending): void {
    this.#messages.delete(sending.client_msg_id);
    this.#remove(sending);
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

  #remove({ client_msg_id, message }: Sending): void {
    const failed = (error: unknown): void => this.#handlers.storeFailed(error);
    // The file first: without its message nobody would look for it.
    const fileGone = message.upload === undefined ? undefined : this.#store.removeFile?.(client_msg_id).catch(failed);
    if (fileGone === undefined) this.#store.remove(client_msg_id).catch(failed);
    else fileGone.then(() => this.#store.remove(client_msg_id)).catch(failed);
  }
}
