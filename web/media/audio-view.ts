// A voice message: play and pause, its waveform as the place to seek in, and how long it is.
import { element } from "../element.ts";
import { icon } from "../icons.ts";
import { type MediaBody, type MediaSubject, missingText } from "./body.ts";
import { Playback } from "./playback.ts";
import { waveformView } from "./waveform.ts";
import { lengthWords, spokenLength } from "./words.ts";

/** Steps of the slider. */
const STEPS = 1_000;

export function audioView(subject: MediaSubject): MediaBody {
  return new AudioView(subject);
}

class AudioView implements MediaBody {
  readonly element: HTMLElement;
  readonly #subject: MediaSubject;
  readonly #audio = element("audio", { preload: "metadata" });
  readonly #playback: Playback;
  readonly #button = element("button", { type: "button", class: "play" });
  readonly #slider = element("input", { type: "range", min: "0", max: String(STEPS), value: "0", class: "seek" });
  readonly #time = element("span", { class: "audio-time" });
  readonly #played = element("span", { class: "wave played" });
  readonly #problem = element("p", { class: "audio-problem", role: "status" });

  constructor(subject: MediaSubject) {
    this.#subject = subject;
    const { waveform = [] } = subject.media;
    this.#playback = new Playback(this.#audio, subject.file, (error) => this.#failed(error));
    this.#played.append(waveformView(waveform));
    this.#slider.setAttribute("aria-label", `Position in ${subject.label}`);
    this.#button.addEventListener("click", () => {
      if (this.#audio.paused) void this.#playback.play();
      else this.#audio.pause();
    });
    this.#slider.addEventListener("input", () => void this.#seek());
    for (const name of ["play", "pause", "ended", "timeupdate", "durationchange"] as const) this.#audio.addEventListener(name, () => this.#update());
    this.element = element("div", { class: "audio" }, this.#button,
      element("div", { class: "waves" }, wave(waveform), this.#played, this.#slider), this.#time, this.#audio, this.#problem);
    this.#update();
  }

  shown(): void {
    return undefined;
  }

  destroy(): void {
    this.#playback.stop();
  }

  /** s; what a browser recorded knows its length only once it was played through. */
  get #length(): number {
    return Number.isFinite(this.#audio.duration) ? this.#audio.duration : (this.#subject.media.duration_ms ?? 0) / 1_000;
  }

  async #seek(): Promise<void> {
    const to = (Number(this.#slider.value) / STEPS) * this.#length;
    await this.#playback.load();
    this.#audio.currentTime = to;
    this.#update();
  }

  #update(): void {
    const { paused, currentTime, ended } = this.#audio;
    const label = `${paused ? "Play" : "Pause"} ${this.#subject.label}`;
    if (this.#button.getAttribute("aria-label") !== label) {
      this.#button.setAttribute("aria-label", label);
      this.#button.title = paused ? "Play" : "Pause";
      this.#button.replaceChildren(icon(paused ? "play" : "pause"));
    }
    const at = ended ? 0 : currentTime;
    const share = this.#length === 0 ? 0 : Math.min(1, at / this.#length);
    this.#slider.value = String(Math.round(share * STEPS));
    this.#slider.setAttribute("aria-valuetext", `${spokenLength(at * 1_000)} of ${spokenLength(this.#length * 1_000)}`);
    this.#played.style.clipPath = `inset(0 ${(100 - share * 100).toFixed(2)}% 0 0)`;
    this.#time.textContent = lengthWords((at === 0 ? this.#length : at) * 1_000);
  }

  #failed(error: unknown): void {
    this.#problem.textContent = error === null ? "This can’t be played here." : missingText(error, this.#subject.label);
  }
}

function wave(waveform: readonly number[]): HTMLElement {
  return element("span", { class: "wave" }, waveformView(waveform));
}
