// Playing a file from the store: one at a time in the page, and on with a new address where the old one is refused.
import { ConfabError } from "../../client/client.ts";
import type { MediaFile } from "./sources.ts";

/** Playing now; another that begins stops it. */
let current: HTMLMediaElement | null = null;
/** Addresses in a row that gave nothing. */
const MOST_REFUSALS = 2;

export class Playback {
  readonly #player: HTMLMediaElement;
  readonly #file: MediaFile;
  readonly #failed: (error: unknown) => void;
  #refusals = 0;
  #loading: Promise<void> | null = null;

  /** @param failed null: the browser can't play it */
  constructor(player: HTMLMediaElement, file: MediaFile, failed: (error: unknown) => void) {
    this.#player = player;
    this.#file = file;
    this.#failed = failed;
    player.addEventListener("play", () => {
      if (current !== player) current?.pause();
      current = player;
    });
    player.addEventListener("playing", () => (this.#refusals = 0));
    player.addEventListener("error", () => void this.#again());
  }

  /** Its address is asked for now, the first time. */
  load(): Promise<void> {
    this.#loading ??= this.#file.url().then((url) => void (this.#player.src = url), (error: unknown) => {
      this.#loading = null;
      this.#failed(error);
    });
    return this.#loading;
  }

  async play(): Promise<void> {
    await this.load();
    if (this.#player.getAttribute("src") === null) return;
    // Refused where another began, or it went, before this one could: its own error tells the rest.
    await this.#player.play().catch(() => undefined);
  }

  stop(): void {
    if (current === this.#player) current = null;
    this.#player.pause();
    this.#player.removeAttribute("src");
  }

  /** Addresses expire: what plays goes on from where it was. */
  async #again(): Promise<void> {
    if (this.#player.getAttribute("src") === null) return;
    if (this.#file.isHere || this.#refusals++ >= MOST_REFUSALS) {
      this.#failed(null);
      return;
    }
    const { currentTime, paused } = this.#player;
    this.#file.refused();
    try {
      this.#player.src = await this.#file.url();
      this.#player.currentTime = currentTime;
      if (!paused) await this.#player.play();
    } catch (error) {
      if (error instanceof ConfabError) this.#failed(error);
    }
  }
}
