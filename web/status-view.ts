// The connection in words. Screen readers hear each change once; the seconds count down for eyes only.
import type { ConfabClient } from "../client/client.ts";
import { button, element } from "./element.ts";
import { errorText } from "./error-text.ts";

export class StatusView {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #words = element("span", { class: "status-words", role: "status" });
  readonly #seconds = element("span", { class: "status-seconds", "aria-hidden": "true" });
  readonly #now: HTMLButtonElement;
  readonly #warning = element("p", { class: "problem", role: "alert" });
  #timer: ReturnType<typeof setInterval> | null = null;
  #fading: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ConfabClient) {
    this.#client = client;
    this.#now = button("Try now", "link", () => client.wake());
    const line = element("div", { class: "status-line" }, element("span", { class: "status-dot", "aria-hidden": "true" }), element("p", {}, this.#words, this.#seconds), this.#now);
    this.element = element("div", { class: "status" }, line, this.#warning);
    this.changed();
  }

  changed(): void {
    const { state } = this.#client;
    const [mood, words] = this.#mood();
    this.element.dataset["mood"] = mood;
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#now.hidden = state.kind !== "waiting";
    this.#count();
    if (state.kind === "waiting") this.#timer ??= setInterval(() => this.#count(), 1_000);
    else this.stop();
  }

  /**
   * Something that the person should know and can't change here.
   *
   * @param passing it is over after a while
   */
  warn(text: string, passing = false): void {
    clearTimeout(this.#fading);
    this.#warning.textContent = text;
    if (passing) this.#fading = setTimeout(() => (this.#warning.textContent = ""), 8_000);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #mood(): [string, string] {
    const { state } = this.#client;
    switch (state.kind) {
      case "open":
        return ["good", state.transport === "socket" ? "Connected" : "Connected by polling"];
      case "connecting":
        return ["busy", state.attempt === 0 ? "Connecting…" : "Reconnecting…"];
      case "waiting":
        return navigator.onLine ? ["busy", "Reconnecting"] : ["bad", "Offline"];
      case "refused":
        return ["bad", errorText(state.error)];
      case "closed":
        return ["bad", "Signed out"];
    }
  }

  #count(): void {
    const { state } = this.#client;
    const left = state.kind === "waiting" ? Math.max(1, Math.ceil((state.retry_at - Date.now()) / 1_000)) : 0;
    const text = left === 0 ? "" : ` in ${left} s`;
    if (this.#seconds.textContent !== text) this.#seconds.textContent = text;
  }
}
