// Opening a direct conversation by a person's name, or by looking for them.
import type { ConfabClient, Found } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { element, named } from "./element.ts";
import { icon } from "./icons.ts";
import { hashOf } from "./place.ts";

/** Looking for people is limited: not with every key. */
const PAUSE_MS = 350;

export function startChatForm(client: ConfabClient, newGroup: () => void): HTMLElement {
  const field = element("input", { id: "chat-with", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "128", dir: "auto", placeholder: "Somebody’s name" });
  const problem = element("p", { class: "problem", role: "alert" });
  const found = element("ul", { class: "found", "aria-label": "People found", hidden: true });
  const count = element("p", { class: "spoken", role: "status" });
  const form = element("form", { class: "start-chat", novalidate: true },
    element("label", { for: "chat-with" }, "Chat with"),
    element("div", { class: "joined" }, field, element("button", { type: "submit", class: "quiet" }, "Open")),
    problem, found, count,
  );
  const show = (people: readonly Found[]): void => {
    found.replaceChildren(...people.map((person) => foundView(person, clear)));
    found.hidden = people.length === 0;
    count.textContent = people.length === 0 ? "" : people.length === 1 ? "1 person found" : `${people.length} people found`;
  };
  const search = new Search(client, show);
  const clear = (): void => {
    field.value = "";
    search.stop();
    show([]);
  };
  field.addEventListener("input", () => search.typed(field.value.trim()));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const peer = field.value.trim();
    const possible = /^[A-Za-z0-9._:@|+-]{1,128}$/.test(peer);
    problem.textContent = possible ? "" : "A name has letters, digits and . _ - @ + only.";
    if (!possible) {
      field.focus();
      return;
    }
    clear();
    location.hash = hashOf({ kind: "direct", peer });
  });
  const group = element("button", { type: "button", class: "quiet wide" }, icon("group"), "New group");
  group.addEventListener("click", newGroup);
  return element("div", { class: "start" }, form, group);
}

function foundView({ user_id, name, handle }: Found, taken: () => void): HTMLLIElement {
  const link = element("a", { class: "found-person", href: hashOf({ kind: "direct", peer: user_id }) },
    avatar(name ?? user_id, "small"), named(name ?? user_id), element("span", { class: "hint" }, handle === null ? user_id : `@${handle}`));
  link.addEventListener("click", taken);
  return element("li", {}, link);
}

class Search {
  readonly #client: ConfabClient;
  readonly #show: (people: readonly Found[]) => void;
  #asking: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: ConfabClient, show: (people: readonly Found[]) => void) {
    this.#client = client;
    this.#show = show;
  }

  typed(text: string): void {
    this.stop();
    if (text.replace(/^@/, "").length < 2) this.#show([]);
    else this.#timer = setTimeout(() => void this.#ask(text), PAUSE_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** Without an answer a whole name still opens a conversation. */
  async #ask(text: string): Promise<void> {
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    try {
      const people = await this.#client.people.find(text, signal);
      if (!signal.aborted) this.#show(people.filter(({ user_id }) => user_id !== this.#client.user_id).slice(0, 6));
    } catch {
      if (!signal.aborted) this.#show([]);
    }
  }
}
