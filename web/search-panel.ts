// Searching the open conversation: a field below its head, and hits that lead to their messages.
import type { ConfabClient, Hit } from "../client/client.ts";
import { button, element, named } from "./element.ts";
import { errorText } from "./error-text.ts";
import { snippetOf } from "./snippet.ts";
import { shortTime, wholeTime } from "./times.ts";

/** Searches are limited: not with every key. */
const PAUSE_MS = 300;

export interface SearchActions {
  /** Shows a message; false where it is too far back to be reached. */
  goTo(hit: Hit): Promise<boolean>;
  /** The panel was closed by what was done in it. */
  closed(): void;
}

export class SearchPanel {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #conversation_id: string;
  readonly #actions: SearchActions;
  readonly #field = element("input", { id: "search-messages", type: "search", autocomplete: "off", maxlength: "256", dir: "auto", placeholder: "Words, or \"a phrase\"" });
  readonly #order = element("select", { "aria-label": "Order of what was found" }, element("option", { value: "newest" }, "Newest first"), element("option", { value: "best" }, "Best first"));
  readonly #status = element("p", { class: "search-status", role: "status" });
  readonly #list = element("ol", { class: "hits", "aria-label": "Found" });
  readonly #more = button("Show more", "quiet wide", () => void this.#ask(this.#cursor));
  #cursor: string | null = null;
  #asking: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: ConfabClient, conversation_id: string, actions: SearchActions) {
    this.#client = client;
    this.#conversation_id = conversation_id;
    this.#actions = actions;
    this.#more.hidden = true;
    const form = element("form", { class: "search-form", role: "search", novalidate: true },
      element("label", { for: "search-messages", class: "spoken" }, "Search for"), this.#field, this.#order);
    this.element = element("section", { class: "search-panel", "aria-label": "Search in this conversation", hidden: true }, form, this.#status, this.#list, this.#more);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#ask(null);
    });
    this.#field.addEventListener("input", () => this.#later());
    this.#order.addEventListener("change", () => void this.#ask(null));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.element.hidden = false;
    this.#field.focus();
    this.#field.select();
  }

  close(): void {
    this.#stop();
    this.element.hidden = true;
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      this.#actions.closed();
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp" || event.target === this.#order) return;
    const hits = [...this.#list.querySelectorAll<HTMLElement>("button")];
    const at = hits.indexOf(document.activeElement as HTMLElement);
    const next = event.key === "ArrowDown" ? hits[at + 1] : at > 0 ? hits[at - 1] : this.#field;
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }

  #later(): void {
    this.#stop();
    this.#timer = setTimeout(() => void this.#ask(null), PAUSE_MS);
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** @param cursor null: from the first hit on */
  async #ask(cursor: string | null): Promise<void> {
    this.#stop();
    const q = queryOf(this.#field.value);
    if (q === "") {
      this.#show([], null, "");
      return;
    }
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const order = this.#order.value === "best" ? "best" : "newest";
    try {
      const { hits, next_cursor } = await this.#client.search(q, { conversation_id: this.#conversation_id, order, ...(cursor === null ? {} : { cursor }) }, signal);
      if (signal.aborted) return;
      const shown = cursor === null ? hits.length : this.#list.children.length + hits.length;
      const words = shown === 0 ? "Nothing found." : `${shown}${next_cursor === null ? "" : " or more"} ${shown === 1 && next_cursor === null ? "message" : "messages"} found.`;
      this.#show(hits, next_cursor, words, cursor !== null);
    } catch (error) {
      if (!signal.aborted) this.#show([], null, errorText(error), cursor !== null);
    }
  }

  #show(hits: readonly Hit[], cursor: string | null, words: string, behind = false): void {
    const views = hits.map((hit) => this.#view(hit));
    if (behind) {
      // The button that was pressed may be gone: the first of what it brought takes its place.
      this.#list.append(...views);
      views[0]?.querySelector("button")?.focus();
    } else this.#list.replaceChildren(...views);
    this.#cursor = cursor;
    this.#more.hidden = cursor === null;
    this.#status.textContent = words;
  }

  #view(hit: Hit): HTMLLIElement {
    const text = element("span", { class: "hit-text", dir: "auto" }, ...snippetOf(hit.content, hit.highlights).map((piece) => (piece.marked ? element("mark", {}, piece.text) : piece.text)));
    const made = element("button", { type: "button", class: "hit" },
      named(hit.sender_id === this.#client.user_id ? "You" : hit.sender_id, "hit-who"),
      element("time", { datetime: new Date(hit.sent_at).toISOString(), title: wholeTime(hit.sent_at) }, shortTime(hit.sent_at, Date.now())), text);
    made.addEventListener("click", () => void this.#go(hit));
    return element("li", {}, made);
  }

  async #go(hit: Hit): Promise<void> {
    this.#status.textContent = "Going there…";
    const there = await this.#actions.goTo(hit);
    this.#status.textContent = there ? "" : "This message is further back than can be shown here.";
  }
}

/** Who still types means what begins so. */
function queryOf(text: string): string {
  const trimmed = text.trim();
  return /[\p{L}\p{N}]{2}$/u.test(trimmed) && text === trimmed && !trimmed.includes("\"") ? `${trimmed}*` : trimmed;
}
