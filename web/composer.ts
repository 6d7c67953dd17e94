// Writing: Enter sends, Shift+Enter is a new line. What is written stays with its conversation until it is sent.
import { element } from "./element.ts";
import { icon } from "./icons.ts";

/** UTF-8 bytes of one message. */
const MOST_BYTES = 64 * 1024;

export interface ComposerActions {
  send(text: string): void;
  /** The keys that scroll, pressed while writing. */
  scroll(pages: number): void;
}

export class Composer {
  readonly element: HTMLFormElement;
  readonly #field: HTMLTextAreaElement;
  readonly #problem = element("p", { class: "problem", role: "alert" });
  readonly #draft: string;
  readonly #actions: ComposerActions;

  constructor(conversation_id: string, actions: ComposerActions) {
    this.#draft = `confab.draft.${conversation_id}`;
    this.#actions = actions;
    this.#field = element("textarea", { id: "message", rows: "1", dir: "auto", autocomplete: "off", enterkeyhint: "send", placeholder: "Write a message" });
    this.#field.value = sessionStorage.getItem(this.#draft) ?? "";
    const send = element("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send" }, icon("send"));
    this.element = element("form", { class: "composer" },
      element("label", { for: "message", class: "spoken" }, "Message"),
      element("div", { class: "composer-box" }, this.#field, send),
      this.#problem,
    );
    this.#field.addEventListener("input", () => this.#changed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    queueMicrotask(() => this.#fit());
  }

  focus(): void {
    this.#field.focus({ preventScroll: true });
  }

  #key(event: KeyboardEvent): void {
    // While a word is being composed Enter chooses it.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    } else if ((event.key === "PageUp" || event.key === "PageDown") && !event.shiftKey) {
      event.preventDefault();
      this.#actions.scroll(event.key === "PageUp" ? -1 : 1);
    }
  }

  #changed(): void {
    sessionStorage.setItem(this.#draft, this.#field.value);
    this.#problem.textContent = "";
    this.#fit();
  }

  #send(): void {
    // Half a character has no UTF-8.
    const text = this.#field.value.toWellFormed();
    if (text.trim() === "") return;
    const bytes = new TextEncoder().encode(text).byteLength;
    if (bytes > MOST_BYTES) {
      this.#problem.textContent = `This is ${Math.ceil((bytes - MOST_BYTES) / 1024)} KiB too long for one message.`;
      return;
    }
    this.#field.value = "";
    this.#changed();
    this.#actions.send(text);
    this.#field.focus();
  }

  /** Grows with the text; style.css sets the most. Without `field-sizing` only. */
  #fit(): void {
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}
