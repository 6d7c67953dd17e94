// Where unacknowledged messages wait, so that a reload loses none. A store is one user's; it may be shared by several
// pages of that user: the server takes each client_msg_id once.
import type { ContentType } from "../protocol/events.ts";
import type { Media } from "../protocol/media.ts";
import type { ConfabErrorCode } from "./errors.ts";
import type { UploadTask } from "./media/upload.ts";

/** How far a message's own file is on its way. */
export type StoredUpload = UploadTask;

/** A message, or a change of one: what stands in for the content of a deletion or reaction is empty. */
export interface StoredMessage {
  client_msg_id: string;
  /** `msg` where it is missing. */
  type?: "msg" | "edit" | "delete" | "react";
  /** Either `to` or `conversation_id`. */
  to?: string;
  conversation_id?: string;
  content: string;
  content_type: ContentType;
  media_key?: string;
  /** Of a forwarded file: the conversation where this user sees it. */
  media_from?: string;
  media?: Media;
  /** Of a message that brings a file of its own: without a `media_key` the file is still to be brought to the store. */
  upload?: StoredUpload;
  /** The msg_id of the message that this one answers. */
  reply_to?: string;
  mentions?: string[];
  /** Of a change: the message that it is about. */
  target_msg_id?: string;
  /** Of a reaction. */
  emoji?: string;
  on?: boolean;
  /** ms since 1970, by this client's clock. */
  created_at: number;
  /** The client's order: ascending, unique in its store. */
  position: number;
  /** Refused for good; it waits for its writer to try again or to discard it. */
  failed?: { code: ConfabErrorCode; message: string };
}

export interface OutboxStore {
  /** All messages, in any order. */
  load(): Promise<StoredMessage[]>;
  /** Writes or overwrites by client_msg_id. */
  put(message: StoredMessage): Promise<void>;
  remove(client_msg_id: string): Promise<void>;
  /** The file of a message, written after it and removed before it. Where these are missing a reload loses files that are not up yet. */
  putFile?(client_msg_id: string, file: Blob): Promise<void>;
  removeFile?(client_msg_id: string): Promise<void>;
  loadFile?(client_msg_id: string): Promise<Blob | null>;
}

/** Lost with the process; for programs that keep their own record of what they send. */
export class MemoryOutboxStore implements OutboxStore {
  readonly #messages = new Map<string, StoredMessage>();
  readonly #files = new Map<string, Blob>();

  load(): Promise<StoredMessage[]> {
    return Promise.resolve([...this.#messages.values()]);
  }

  put(message: StoredMessage): Promise<void> {
    this.#messages.set(message.client_msg_id, message);
    return Promise.resolve();
  }

  remove(client_msg_id: string): Promise<void> {
    this.#messages.delete(client_msg_id);
    return Promise.resolve();
  }

  removeFile(client_msg_id: string): Promise<void> {
    this.#files.delete(client_msg_id);
    return Promise.resolve();
  }

  putFile(client_msg_id: string, file: Blob): Promise<void> {
    this.#files.set(client_msg_id, file);
    return Promise.resolve();
  }

  loadFile(client_msg_id: string): Promise<Blob | null> {
    return Promise.resolve(this.#files.get(client_msg_id) ?? null);
  }
}
