// A film: its small picture with a button, and once that is pressed the browser's own player.
import { element, spoken } from "../element.ts";
import { icon } from "../icons.ts";
import { type MediaBody, type MediaSubject, missingView, pictureBox, smallView } from "./body.ts";
import { Playback } from "./playback.ts";
import { lengthWords } from "./words.ts";

export function videoView(subject: MediaSubject): MediaBody {
  return new VideoView(subject);
}

class VideoView implements MediaBody {
  readonly element: HTMLElement;
  readonly #subject: MediaSubject;
  readonly #playback: Playback;
  readonly #video = element("video", { controls: true, playsinline: true, preload: "metadata" });

  constructor(subject: MediaSubject) {
    this.#subject = subject;
    const { duration_ms } = subject.media;
    this.element = pictureBox("div", subject.media);
    this.#video.setAttribute("aria-label", subject.label);
    this.#playback = new Playback(this.#video, subject.file, (error) => this.#failed(error));
    const start = element("button", { type: "button", class: "video-start" }, element("span", { class: "play-disc" }, icon("play")), spoken(`Play ${subject.label}`));
    start.addEventListener("click", () => {
      this.element.replaceChildren(this.#video);
      this.#video.focus({ preventScroll: true });
      void this.#playback.play();
    });
    this.element.append(...smallView(subject.media), start, ...(duration_ms === undefined ? [] : [element("span", { class: "length" }, lengthWords(duration_ms))]));
  }

  /** Nothing is loaded before somebody wants to see it. */
  shown(): void {
    return undefined;
  }

  destroy(): void {
    this.#playback.stop();
  }

  #failed(error: unknown): void {
    this.element.classList.add("is-missing");
    const text = error === null ? element("span", { class: "missing" }, `${this.#subject.label}: can’t be played here`) : missingView(error, this.#subject.label);
    this.element.replaceChildren(...smallView(this.#subject.media), text);
  }
}
