// The files of the messages in the page. Each view outlives the changes of its message: what plays goes on playing, and a
// picture that was sent from here stays when it becomes an event.
import { type ConfabClient, INLINE_TYPES, type Media, type Sending } from "../../client/client.ts";
import { element } from "../element.ts";
import type { MessageRow } from "../rows.ts";
import { audioView } from "./audio-view.ts";
import type { MediaBody, MediaSubject } from "./body.ts";
import { fileView } from "./file-view.ts";
import { imageView } from "./image-view.ts";
import { Addresses, MediaFile } from "./sources.ts";
import { UploadView } from "./upload-view.ts";
import { videoView } from "./video-view.ts";
import { kindWord } from "./words.ts";

interface Shown {
  element: HTMLElement;
  file: MediaFile;
  body: MediaBody;
  upload: UploadView | null;
  row: MessageRow;
  /** What the body was made from. */
  made: string;
}

export class MediaViews {
  readonly #addresses: Addresses;
  readonly #shown = new Map<string, Shown>();
  readonly #bodies = new WeakMap<Element, Shown>();
  readonly #observer: IntersectionObserver;

  constructor(client: ConfabClient, scroller: HTMLElement) {
    this.#addresses = new Addresses(client);
    this.#observer = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.#bodies.get(target)?.body.shown();
    }, { root: scroller, rootMargin: "300px 0px" });
  }

  /** null for a message without a file. */
  of(row: MessageRow): HTMLElement | null {
    const { key, media, message, sending, content_type } = row;
    if (media === null) {
      this.#drop(key);
      return null;
    }
    const shown = this.#shown.get(key) ?? this.#begin(row);
    shown.row = row;
    shown.file.is(message, sending);
    const made = JSON.stringify([media.content_type, media.width, media.thumbhash, media.duration_ms, shown.file.place]);
    if (shown.made !== made) {
      this.#make(shown, { media, file: shown.file, label: labelOf(media, content_type) }, content_type);
      shown.made = made;
    }
    if (sending === null || sending.upload === null) {
      shown.upload?.element.remove();
      shown.upload = null;
    } else if (shown.upload === null) {
      shown.upload = new UploadView(sending);
      shown.element.append(shown.upload.element);
    } else shown.upload.update(sending);
    return shown.element;
  }

  /** Its file is further on its way, or here. */
  uploading(key: string, sending: Sending): void {
    const shown = this.#shown.get(key);
    if (shown !== undefined) this.of({ ...shown.row, sending });
  }

  /** All but these are out of the page. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#shown.keys()) if (!keys.has(key)) this.#drop(key);
  }

  destroy(): void {
    this.keep(new Set());
    this.#observer.disconnect();
  }

  #begin(row: MessageRow): Shown {
    const body: MediaBody = { element: element("div"), shown: () => undefined, destroy: () => undefined };
    const shown: Shown = { element: element("div", { class: "media" }), file: new MediaFile(this.#addresses), body, upload: null, row, made: "" };
    this.#shown.set(row.key, shown);
    return shown;
  }

  #make(shown: Shown, subject: MediaSubject, kind: string): void {
    this.#observer.unobserve(shown.body.element);
    shown.body.destroy();
    shown.body.element.remove();
    shown.body = bodyOf(subject, kind);
    shown.element.prepend(shown.body.element);
    this.#bodies.set(shown.body.element, shown);
    this.#observer.observe(shown.body.element);
  }

  #drop(key: string): void {
    const shown = this.#shown.get(key);
    if (shown === undefined) return;
    this.#shown.delete(key);
    this.#observer.unobserve(shown.body.element);
    shown.body.destroy();
    shown.file.destroy();
  }
}

/** Only what a browser runs no script in is shown; all else is a file to be kept, whatever its kind. */
function bodyOf(subject: MediaSubject, kind: string): MediaBody {
  if (!INLINE_TYPES.has(subject.media.content_type ?? "")) return fileView(subject);
  switch (kind) {
    case "image":
      return imageView(subject);
    case "video":
      return videoView(subject);
    case "audio":
      return audioView(subject);
    default:
      return fileView(subject);
  }
}

function labelOf({ name }: Media, kind: string): string {
  if (kind === "audio") return "recording";
  return name ?? kindWord(kind).toLowerCase();
}
