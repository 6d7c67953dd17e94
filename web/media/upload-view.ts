// How far a message's file is on its way: a bar with words, and what can be done about it. Changed in place: progress makes no
// new elements.
import type { Sending } from "../../client/client.ts";
import { button, element } from "../element.ts";
import { errorText } from "../error-text.ts";
import { sizeWords } from "./words.ts";

export class UploadView {
  readonly element: HTMLElement;
  readonly #fill = element("span", { class: "progress-fill" });
  readonly #bar = element("div", { class: "progress", role: "progressbar", "aria-label": "Upload", "aria-valuemin": "0", "aria-valuemax": "100" }, this.#fill);
  readonly #words = element("span", { class: "upload-words" });
  readonly #retry: HTMLButtonElement;

  constructor(sending: Sending) {
    this.#retry = button("Try now", "link", () => sending.retry());
    this.element = element("div", { class: "upload" }, this.#bar, this.#words, this.#retry, button("Cancel", "link", () => sending.cancel()));
    this.update(sending);
  }

  update({ upload }: Sending): void {
    this.element.hidden = upload === null;
    if (upload === null) return;
    const share = upload.phase === "sending" ? upload.sent / Math.max(1, upload.size) : 0;
    const percent = Math.floor(share * 100);
    this.#retry.hidden = upload.phase !== "waiting";
    this.#fill.style.width = `${percent}%`;
    if (upload.phase === "sending") this.#bar.setAttribute("aria-valuenow", String(percent));
    else this.#bar.removeAttribute("aria-valuenow");
    const words = upload.phase === "reading" ? "Preparing…" : upload.phase === "waiting" ? `Waiting. ${errorText(upload.error)}` : `${sizeWords(upload.sent)} of ${sizeWords(upload.size)}`;
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}
