// Where the bytes of a message's file are: in this page as long as the message is on its way, later at the store.
import { type ConfabClient, ConfabError, type Message, type Sending } from "../../client/client.ts";

/** Addresses that are asked for at the same time: asking counts as requests, and writing needs those. */
const ABREAST = 4;
const MOST_TRIES = 6;
const PAUSE_MS = 1_000;

/** Asks for addresses a few at a time, and again where the answer may be another later. */
export class Addresses {
  readonly #client: ConfabClient;
  readonly #waiting: (() => void)[] = [];
  #asking = 0;

  constructor(client: ConfabClient) {
    this.#client = client;
  }

  async of(message: Message): Promise<string> {
    if (this.#asking >= ABREAST) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#asking++;
    try {
      return await this.#ask(message);
    } finally {
      this.#asking--;
      this.#waiting.shift()?.();
    }
  }

  refused(message: Message): void {
    this.#client.forgetMediaUrl(message);
  }

  async #ask(message: Message): Promise<string> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#client.mediaUrl(message);
      } catch (error) {
        if (!(error instanceof ConfabError) || !error.retryable || tries === MOST_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.retry_after_ms ?? PAUSE_MS * tries));
      }
    }
  }
}

/** One message's file. */
export class MediaFile {
  readonly #addresses: Pick<Addresses, "of" | "refused">;
  #message: Message | null = null;
  #local: string | null = null;

  constructor(addresses: Pick<Addresses, "of" | "refused">) {
    this.#addresses = addresses;
  }

  /** What was sent from here stays at hand when it is an event. */
  is(message: Message | null, sending: Pick<Sending, "file"> | null): void {
    this.#message = message;
    if (this.#local === null && sending !== null && sending.file !== null) this.#local = URL.createObjectURL(sending.file);
  }

  /** It needs no request to be shown. */
  get isHere(): boolean {
    return this.#local !== null;
  }

  /** After a reload it is nowhere, until the browser's own store has given it. */
  get place(): "here" | "store" | "nowhere" {
    if (this.isHere) return "here";
    return this.#message === null ? "nowhere" : "store";
  }

  /** Rejects with a ConfabError: `media_expired`, `not_found`, or what keeps it from being asked. */
  url(): Promise<string> {
    if (this.#local !== null) return Promise.resolve(this.#local);
    if (this.#message === null) return Promise.reject(new ConfabError("not_found", "The file is not here."));
    return this.#addresses.of(this.#message);
  }

  /** The address did not work, as when it is too old: the next one is another. */
  refused(): void {
    if (this.#message !== null) this.#addresses.refused(this.#message);
  }

  destroy(): void {
    if (this.#local !== null) URL.revokeObjectURL(this.#local);
  }
}

/** Gives the file to the browser to be kept, or opened in a window of its own where it can be shown and lies elsewhere. */
export function saveFile(url: string, name: string, isInline: boolean): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.rel = "noopener";
  if (isInline && new URL(url, location.href).origin !== location.origin) link.target = "_blank";
  link.click();
}
