// Where files of messages can be read for the next minutes. One address serves until shortly before it expires, so that what
// was loaded by it is found in the browser's cache.
import { DOWNLOAD_URL_S, type DownloadAnswer } from "../../protocol/media.ts";
import type { Environment } from "../environment.ts";
import { ConfabError } from "../errors.ts";
import type { Rest } from "../rest.ts";
import type { Message } from "../timeline.ts";
import { downloadUrl } from "./calls.ts";
import { mediaOf } from "./send.ts";

/** What is needed of a message. */
export type FileOf = Pick<Message, "conversation_id" | "media_key" | "media">;

interface Known {
  url: Promise<string>;
  /** ms, by this client's clock; Infinity while it is asked for. */
  until: number;
}

/** Left for what is begun with it, ms. */
const MARGIN_MS = 30_000;
/** Addresses that are kept; the oldest makes room. */
const MOST = 1_000;

export class MediaUrls {
  readonly #environment: Environment;
  readonly #rest: Rest;
  readonly #known = new Map<string, Known>();

  constructor(environment: Environment, rest: Rest) {
    this.#environment = environment;
    this.#rest = rest;
  }

  /** Rejects with `not_found` where there is no file or it is not for this user, and with `media_expired`. */
  of(message: FileOf): Promise<string> {
    const { conversation_id, media_key } = message;
    if (media_key === undefined) return Promise.reject(new ConfabError("not_found", "The message has no file."));
    const title = mediaOf(message)?.name;
    const name = nameOf(message);
    const known = this.#known.get(name);
    if (known !== undefined && this.#environment.now() < known.until) return known.url;
    this.#known.delete(name);
    const made: Known = { until: Number.POSITIVE_INFINITY, url: this.#ask(downloadUrl(this.#rest, media_key, conversation_id, title), (until) => (made.until = until)) };
    this.#known.set(name, made);
    made.url.catch(() => this.#known.get(name) === made && this.#known.delete(name));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
    return made.url;
  }

  /** It was refused: the next one is asked for. */
  forget(message: FileOf): void {
    this.#known.delete(nameOf(message));
  }

  async #ask(asked: Promise<DownloadAnswer>, until: (ms: number) => void): Promise<string> {
    const { url, expires_at } = await asked;
    // This clock may be wrong: what it can't be is that an address lives longer than all do.
    until(Math.min(expires_at, this.#environment.now() + DOWNLOAD_URL_S * 1_000) - MARGIN_MS);
    return url;
  }
}

/** One content may be called differently by those who sent it. */
function nameOf(message: FileOf): string {
  return `${message.conversation_id} ${message.media_key ?? ""} ${mediaOf(message)?.name ?? ""}`;
}
