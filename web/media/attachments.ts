// Files that were chosen and are not sent yet, with what they are: they can be taken out again, and stay with their
// conversation while another is open.
import { fileNameOf, INLINE_TYPES, type Media, MEDIA_LIMITS, type MediaKind, mediaTypeOf } from "../../client/client.ts";
import { element, iconButton } from "../element.ts";
import { icon, type IconName } from "../icons.ts";
import { audioView } from "./audio-view.ts";
import { describeFile } from "./describe.ts";
import { type Addresses, MediaFile } from "./sources.ts";
import { kindWord, sizeWords } from "./words.ts";

export interface Attachment {
  file: Blob;
  kind: MediaKind;
  content_type: string;
  media: Promise<Media>;
}

/** By conversation. */
const kept = new Map<string, Attachment[]>();
/** Files of one choice: a folder's content dropped by mistake must not become messages. */
const MOST = 20;
const SIGNS: Readonly<Record<MediaKind, IconName>> = { image: "image", video: "play", audio: "microphone", document: "document" };

export class Attachments {
  readonly element = element("ul", { class: "attachments", "aria-label": "To be sent", hidden: true });
  readonly #files: Attachment[];
  readonly #undo = new Map<Attachment, () => void>();
  readonly #changed: () => void;

  constructor(conversation_id: string, changed: () => void) {
    this.#changed = changed;
    this.#files = kept.get(conversation_id) ?? [];
    kept.set(conversation_id, this.#files);
    for (const attachment of this.#files) this.#show(attachment);
  }

  get count(): number {
    return this.#files.length;
  }

  /** Answers what is wrong with those that can't be taken, or an empty text. */
  add(files: readonly File[]): string {
    const problems = new Set<string>();
    for (const file of files) {
      const { kind, content_type } = mediaTypeOf(file.type);
      const problem = this.#problemOf(file, kind);
      if (problem === null) this.#take({ file, kind, content_type, media: described(file, kind, content_type, file.name) });
      else problems.add(problem);
    }
    return [...problems].join(" ");
  }

  /** What is to be sent now; nothing is left here. */
  take(): Attachment[] {
    const taken = this.#files.splice(0);
    this.#gone();
    return taken;
  }

  destroy(): void {
    this.#gone();
  }

  #problemOf({ name, size }: File, kind: MediaKind): string | null {
    const { bytes } = MEDIA_LIMITS[kind];
    if (this.#files.length >= MOST) return `No more than ${MOST} files at once.`;
    // A folder looks like this, too.
    if (size === 0) return `“${name}” is empty.`;
    return size > bytes ? `“${name}” is too large: ${sizeWords(size)} of at most ${sizeWords(bytes)}.` : null;
  }

  #take(attachment: Attachment): void {
    this.#files.push(attachment);
    this.#show(attachment);
    this.#changed();
  }

  #show(attachment: Attachment): void {
    const { file, kind, content_type } = attachment;
    const name = "name" in file && typeof file.name === "string" ? file.name : kindWord(kind);
    const [preview, destroy] = previewOf(attachment);
    const view = element("li", { class: `attachment attachment-${kind}` }, preview,
      kind === "audio" && INLINE_TYPES.has(content_type) ? null : element("span", { class: "attachment-about" }, element("bdi", { class: "attachment-name" }, name), element("span", { class: "hint" }, sizeWords(file.size))),
      iconButton(`Take out ${name}`, icon("close"), "attachment-remove", () => {
        this.#files.splice(this.#files.indexOf(attachment), 1);
        this.#undo.get(attachment)?.();
        this.#undo.delete(attachment);
        this.element.hidden = this.#files.length === 0;
        this.#changed();
      }));
    this.#undo.set(attachment, () => {
      view.remove();
      destroy();
    });
    this.element.append(view);
    this.element.hidden = false;
  }

  #gone(): void {
    for (const undo of this.#undo.values()) undo();
    this.#undo.clear();
    this.element.hidden = true;
  }
}

async function described(file: Blob, kind: MediaKind, content_type: string, name: string): Promise<Media> {
  const safe = fileNameOf(name);
  return { ...(safe === null ? {} : { name: safe }), ...(await describeFile(file, kind, content_type)) };
}

function previewOf({ file, kind, content_type, media }: Attachment): [HTMLElement, () => void] {
  if (!INLINE_TYPES.has(content_type) || kind === "document" || kind === "video") return [element("span", { class: "file-sign" }, icon(SIGNS[kind])), () => undefined];
  if (kind === "image") {
    const image = element("img", { alt: "", class: "attachment-image" });
    const url = URL.createObjectURL(file);
    image.src = url;
    return [image, () => URL.revokeObjectURL(url)];
  }
  const held = element("div", { class: "attachment-audio" });
  const source = new MediaFile(NOWHERE);
  source.is(null, { file });
  let destroy = (): void => source.destroy();
  void media.then((found) => {
    const view = audioView({ media: found, file: source, label: "recording" });
    held.append(view.element);
    destroy = () => {
      view.destroy();
      source.destroy();
    };
  });
  return [held, () => destroy()];
}

/** What is not sent yet is nowhere but here. */
const NOWHERE: Pick<Addresses, "of" | "refused"> = { of: () => Promise.reject(new Error("it is not sent yet")), refused: () => undefined };
