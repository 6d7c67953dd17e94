// Writing: Enter sends, Shift+Enter is a new line. What is written stays with its conversation until it is sent. Also what it
// answers, or which message it changes.
import type { Message } from "../client/client.ts";
import { element, iconButton, named, spoken } from "./element.ts";
import { icon } from "./icons.ts";
import { AttachBar } from "./media/attach-bar.ts";
import type { Attachment } from "./media/attachments.ts";
import { onPastedFiles } from "./media/drop.ts";
import { briefOf } from "./media/words.ts";

/** UTF-8 bytes of one message. */
const MOST_BYTES = 64 * 1024;

/** What the next Enter does with a message that is there already; null for a message of its own. */
export type About = { kind: "reply" | "edit"; message: Message } | null;

export interface ComposerActions {
  /** `text` may be empty where there are files. */
  send(text: string, about: About, files: readonly Attachment[]): void;
  /** The keys that scroll, pressed while writing. */
  scroll(pages: number): void;
  /** Somebody writes, or stopped to. */
  typing(on: boolean): void;
  /** Arrow up in an empty field. */
  editLast(): void;
}

export class Composer {
  readonly element: HTMLFormElement;
  readonly #field: HTMLTextAreaElement;
  readonly #problem = element("p", { class: "problem", role: "alert" });
  readonly #bar = element("div", { class: "about", hidden: true });
  readonly #files: AttachBar;
  readonly #draft: string;
  readonly #actions: ComposerActions;
  #about: About = null;

  constructor(conversation_id: string, actions: ComposerActions) {
    this.#draft = `confab.draft.${conversation_id}`;
    this.#actions = actions;
    this.#field = element("textarea", { id: "message", rows: "1", dir: "auto", autocomplete: "off", enterkeyhint: "send", placeholder: "Write a message" });
    this.#field.value = sessionStorage.getItem(this.#draft) ?? "";
    const send = element("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send" }, icon("send"));
    const box = element("div", { class: "composer-box" });
    this.#files = new AttachBar(conversation_id, {
      changed: () => this.focus(),
      problem: (text) => (this.#problem.textContent = text),
      recording: (on) => {
        box.hidden = on;
        if (!on) this.focus();
      },
    });
    box.append(this.#files.chooser, this.#field, this.#files.microphone, send);
    this.element = element("form", { class: "composer" },
      this.#bar,
      this.#files.tray,
      element("label", { for: "message", class: "spoken" }, "Message"),
      box, this.#files.recording,
      this.#problem,
    );
    onPastedFiles(this.#field, (files) => this.attach(files));
    this.#field.addEventListener("input", () => this.#changed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("blur", () => actions.typing(false));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    queueMicrotask(() => this.#fit());
  }

  focus(): void {
    this.#field.focus({ preventScroll: true });
  }

  attach(files: readonly File[]): void {
    this.#files.add(files);
  }

  destroy(): void {
    this.#files.destroy();
  }

  /** An edit begins with what the message says now, and leaves the draft alone. */
  about(about: About): void {
    const wasEdit = this.#about?.kind === "edit";
    this.#about = about;
    if (about?.kind === "edit") this.#field.value = about.message.content;
    else if (wasEdit) this.#field.value = sessionStorage.getItem(this.#draft) ?? "";
    this.#showAbout();
    this.#fit();
    this.focus();
  }

  #showAbout(): void {
    const about = this.#about;
    this.#bar.hidden = about === null;
    if (about === null) return;
    const { message, kind } = about;
    const cancel = iconButton(kind === "edit" ? "Leave it as it was" : "No answer", icon("close"), "", () => this.about(null));
    this.#bar.replaceChildren(
      icon(kind === "edit" ? "edit" : "reply"),
      element("p", { class: "about-text" }, element("span", {}, kind === "edit" ? "Changing your message" : "Answering "), kind === "edit" ? null : named(message.sender_id),
        spoken(": "), element("span", { class: "about-content", dir: "auto" }, briefOf(message).slice(0, 120))),
      cancel,
    );
  }

  #key(event: KeyboardEvent): void {
    // While a word is being composed Enter chooses it.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    } else if ((event.key === "PageUp" || event.key === "PageDown") && !event.shiftKey) {
      event.preventDefault();
      this.#actions.scroll(event.key === "PageUp" ? -1 : 1);
    } else if (event.key === "Escape" && this.#about !== null) {
      event.preventDefault();
      this.about(null);
    } else if (event.key === "ArrowUp" && this.#field.value === "" && this.#about === null) {
      event.preventDefault();
      this.#actions.editLast();
    }
  }

  #changed(): void {
    if (this.#about?.kind !== "edit") sessionStorage.setItem(this.#draft, this.#field.value);
    this.#actions.typing(this.#field.value.trim() !== "");
    this.#problem.textContent = "";
    this.#fit();
  }

  #send(): void {
    // Half a character has no UTF-8.
    const text = this.#field.value.toWellFormed();
    const isEdit = this.#about?.kind === "edit";
    if (text.trim() === "" && (isEdit || this.#files.isEmpty)) return;
    const bytes = new TextEncoder().encode(text).byteLength;
    if (bytes > MOST_BYTES) {
      this.#problem.textContent = `This is ${Math.ceil((bytes - MOST_BYTES) / 1024)} KiB too long for one message.`;
      return;
    }
    const about = this.#about;
    if (!isEdit) {
      this.#field.value = "";
      sessionStorage.setItem(this.#draft, "");
    }
    this.#actions.send(text.trim() === "" ? "" : text, about, isEdit ? [] : this.#files.take());
    if (about !== null) this.about(null);
    this.#problem.textContent = "";
    this.#fit();
    this.#field.focus();
  }

  /** Grows with the text; style.css sets the most. Without `field-sizing` only. */
  #fit(): void {
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}
