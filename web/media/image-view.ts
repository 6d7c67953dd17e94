// A picture in the conversation: its thumbhash, then its thumbnail, then itself; pressed, it opens large.
import { ConfabError } from "../../client/client.ts";
import { element, spoken } from "../element.ts";
import { type MediaBody, type MediaSubject, missingView, pictureBox, smallView } from "./body.ts";
import { openViewer } from "./viewer.ts";

export function imageView(subject: MediaSubject): MediaBody {
  return new ImageView(subject);
}

class ImageView implements MediaBody {
  readonly element: HTMLElement;
  readonly #subject: MediaSubject;
  readonly #image = element("img", { alt: "", class: "whole", decoding: "async" });
  #asked = false;
  #tries = 0;

  constructor(subject: MediaSubject) {
    this.#subject = subject;
    this.element = pictureBox("button", subject.media);
    this.element.append(...smallView(subject.media), this.#image, spoken(`Open ${subject.label}`));
    this.element.addEventListener("click", () => void openViewer(subject));
    this.#image.addEventListener("load", () => this.element.classList.add("loaded"));
    this.#image.addEventListener("error", () => {
      // The address may have grown old between asking and loading.
      if (this.#tries++ > 0 || this.#subject.file.isHere) return this.#missing(null);
      this.#subject.file.refused();
      void this.#load();
    });
    if (subject.file.isHere) this.shown();
  }

  shown(): void {
    if (this.#asked || this.#subject.file.place === "nowhere") return;
    this.#asked = true;
    this.element.classList.remove("is-missing");
    this.element.querySelector(".missing")?.remove();
    this.element.append(this.#image);
    void this.#load();
  }

  destroy(): void {
    this.#image.removeAttribute("src");
  }

  async #load(): Promise<void> {
    try {
      this.#image.src = await this.#subject.file.url();
    } catch (error) {
      this.#missing(error);
    }
  }

  #missing(error: unknown): void {
    this.#image.remove();
    // What failed on the way is asked for again when it comes into sight again.
    this.#asked = !(error instanceof ConfabError && error.retryable);
    this.element.classList.add("is-missing");
    this.element.append(error === null ? element("span", { class: "missing" }, `${this.#subject.label}: can’t be shown here`) : missingView(error, this.#subject.label));
  }
}
