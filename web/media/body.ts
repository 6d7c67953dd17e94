// What the views of files have in common: where they get the bytes, their small picture, and what they say where there is none.
import { ConfabError, type Media } from "../../client/client.ts";
import { element } from "../element.ts";
import { errorText } from "../error-text.ts";
import type { MediaFile } from "./sources.ts";
import { thumbhashView, thumbnailFile } from "./thumbnail.ts";

export interface MediaSubject {
  media: Media;
  file: MediaFile;
  /** `Photo`, or the file's name. */
  label: string;
}

export interface MediaBody {
  readonly element: HTMLElement;
  /** It is in sight, or nearly: what is shown of it is loaded. */
  shown(): void;
  destroy(): void;
}

/** Longest edges on a wide screen, px; narrow ones have less. */
const WIDEST = 340;
const HIGHEST = 380;
const NARROWEST = 140;
const UNKNOWN = { width: 320, height: 240 };

/** A box of the picture's shape, so that nothing moves when it comes; small pictures stay small. */
export function pictureBox(tag: "button" | "div", { width = UNKNOWN.width, height = UNKNOWN.height }: Media): HTMLElement {
  const box = element(tag, { class: "picture", ...(tag === "button" ? { type: "button" } : {}) });
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  // What is very long and thin is shown in part.
  const [w, h] = [Math.max(NARROWEST, width * scale), Math.max(NARROWEST / 2, height * scale)];
  box.style.width = `${Math.round(w)}px`;
  box.style.aspectRatio = `${Math.round(w)} / ${Math.round(h)}`;
  return box;
}

/** Thumbhash at once, and the thumbnail over it. */
export function smallView({ thumbhash, thumbnail }: Media): HTMLElement[] {
  const hash = thumbhash === undefined ? null : thumbhashView(thumbhash);
  const small = thumbnail === undefined ? null : thumbnailFile(thumbnail);
  if (small === null) return hash === null ? [] : [hash];
  const image = element("img", { alt: "", class: "thumbnail" });
  const url = URL.createObjectURL(small);
  const done = (): void => URL.revokeObjectURL(url);
  image.addEventListener("load", done, { once: true });
  image.addEventListener("error", () => {
    done();
    image.remove();
  }, { once: true });
  image.src = url;
  return hash === null ? [image] : [hash, image];
}

/** Why there is nothing to see, in the words for this kind of file. */
export function missingText(error: unknown, label: string): string {
  const code = error instanceof ConfabError ? error.code : "";
  if (code === "media_expired") return `${label}: not kept any longer`;
  return code === "not_found" ? `${label}: not there any more` : errorText(error);
}

export function missingView(error: unknown, label: string): HTMLElement {
  return element("span", { class: "missing" }, missingText(error, label));
}
