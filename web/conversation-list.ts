// The conversations, the last active first: name, last message, time, how many are unread.
import type { ConfabClient, ConversationRow } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { element, spoken } from "./element.ts";
import { hashOf, placeOf, titleOf } from "./place.ts";
import type { ReadMarks } from "./read-marks.ts";
import { reconcile } from "./reconcile.ts";
import { previewOf } from "./rows.ts";
import { shortTime } from "./times.ts";

interface Item {
  view: HTMLLIElement;
  signature: string;
}

export class ConversationList {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #marks: ReadMarks;
  readonly #list = element("ul", { class: "conversations" });
  readonly #empty = element("p", { class: "empty-list" }, "No conversations yet. Write to somebody with “Chat with”.");
  readonly #items = new Map<string, Item>();

  constructor(client: ConfabClient, marks: ReadMarks) {
    this.#client = client;
    this.#marks = marks;
    this.element = element("nav", { class: "conversation-list", "aria-label": "Conversations" }, this.#empty, this.#list);
  }

  /** @param open the conversation in the other pane, or null */
  update(open: string | null): void {
    const rows = this.#client.conversations();
    const gone = new Set(this.#items.keys());
    const views = rows.map((row) => {
      gone.delete(row.conversation_id);
      return this.#view(row, row.conversation_id === open);
    });
    for (const conversation_id of gone) this.#items.delete(conversation_id);
    reconcile(this.#list, views);
    this.#empty.hidden = rows.length > 0 || !this.#client.listed;
  }

  #view(row: ConversationRow, isOpen: boolean): HTMLLIElement {
    const { conversation_id, kind, last_at } = row;
    const me = this.#client.user_id ?? "";
    const place = placeOf(row);
    const title = titleOf(row, place, me);
    const unread = isOpen && !document.hidden ? 0 : this.#marks.unread(row);
    const waiting = this.#client.unsettled(conversation_id).at(-1);
    const preview = isOpen ? null : waiting === undefined ? previewOf(this.#client.conversation(conversation_id)?.events.at(-1), me, kind === "group") : `You: ${waiting.content.slice(0, 200)}`;
    const time = shortTime(last_at, Date.now());
    const signature = JSON.stringify([title, unread, preview, time, isOpen, waiting?.state]);
    const known = this.#items.get(conversation_id);
    if (known?.signature === signature) return known.view;
    const view = known?.view ?? element("li", {}, element("a"));
    this.#items.set(conversation_id, { view, signature });
    const link = view.firstElementChild as HTMLAnchorElement;
    link.href = hashOf(place);
    link.className = unread > 0 ? "conversation unread" : "conversation";
    if (isOpen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.replaceChildren(
      avatar(title, kind === "group" ? "of-group" : ""),
      element("span", { class: "conversation-title", dir: "auto" }, title),
      element("time", { class: "conversation-time" }, time),
      element("span", { class: "conversation-preview", dir: "auto" }, preview ?? (kind === "group" ? "Group" : "Direct message")),
      ...(waiting?.state === "FAILED" ? [element("span", { class: "badge failed" }, "!", spoken(" message not sent"))] : []),
      ...(unread > 0 ? [element("span", { class: "badge" }, unread > 99 ? "99+" : String(unread), spoken(unread === 1 ? " unread message" : " unread messages"))] : []),
    );
    return view;
  }
}
