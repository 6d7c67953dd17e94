// The conversations, the last active first: name, last message, time, how many are unread, who is there. The archived ones
// stand apart.
import type { ConfabClient, ConversationRow } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { button, element, spoken } from "./element.ts";
import { briefOf } from "./media/words.ts";
import { icon } from "./icons.ts";
import { hashOf, placeOf, titleOf } from "./place.ts";
import { reconcile } from "./reconcile.ts";
import { previewOf } from "./rows.ts";
import { shortTime } from "./times.ts";

interface Item {
  view: HTMLLIElement;
  signature: string;
}

/** People of the upper conversations whose presence is shown. */
const WATCHED = 50;

export class ConversationList {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #list = element("ul", { class: "conversations" });
  readonly #empty = element("p", { class: "empty-list" }, "No conversations yet. Write to somebody with “Chat with”.");
  readonly #switch: HTMLButtonElement;
  readonly #items = new Map<string, Item>();
  readonly #changed: () => void;
  #archive = false;
  #watched = "";
  #unwatch: () => void = () => undefined;

  /** @param changed the list is to be shown anew */
  constructor(client: ConfabClient, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
    this.#switch = button("", "quiet wide archive-switch", () => this.#turn());
    this.element = element("nav", { class: "conversation-list", "aria-label": "Conversations" }, this.#empty, this.#list, this.#switch);
  }

  /** @param open the conversation in the other pane, or null */
  update(open: string | null): void {
    const all = this.#client.conversations();
    const archived = all.filter((row) => row.archived).length;
    if (archived === 0) this.#archive = false;
    const rows = all.filter((row) => row.archived === this.#archive);
    this.#watch(rows);
    const gone = new Set(this.#items.keys());
    const views = rows.map((row) => {
      gone.delete(row.conversation_id);
      return this.#view(row, row.conversation_id === open);
    });
    for (const conversation_id of gone) this.#items.delete(conversation_id);
    reconcile(this.#list, views);
    this.#empty.hidden = all.length > 0 || !this.#client.listed;
    this.#switch.hidden = archived === 0;
    const label = this.#archive ? "Back to all conversations" : `Archived (${archived})`;
    if (this.#switch.textContent !== label) this.#switch.replaceChildren(icon(this.#archive ? "back" : "archive"), label);
  }

  stop(): void {
    this.#unwatch();
  }

  #turn(): void {
    this.#archive = !this.#archive;
    this.#changed();
  }

  #watch(rows: readonly ConversationRow[]): void {
    const people = rows.flatMap(({ peer_id }) => (peer_id === null || peer_id === this.#client.user_id ? [] : [peer_id])).slice(0, WATCHED);
    const key = people.toSorted().join(" ");
    if (key === this.#watched) return;
    this.#watched = key;
    const before = this.#unwatch;
    this.#unwatch = this.#client.watch(people);
    before();
  }

  #view(row: ConversationRow, isOpen: boolean): HTMLLIElement {
    const { conversation_id, kind, last_at, muted, peer_id, unread_mentions } = row;
    const me = this.#client.user_id ?? "";
    const place = placeOf(row);
    const title = titleOf(row, place, me);
    const unread = isOpen && !document.hidden ? 0 : row.unread;
    const waiting = this.#client.unsettled(conversation_id).findLast((sending) => sending.isMessage);
    const preview = waiting === undefined ? previewOf(row, me) : `You: ${briefOf(waiting.message).slice(0, 200)}`;
    const time = shortTime(last_at, Date.now());
    const online = peer_id !== null && this.#client.presence(peer_id)?.status === "ONLINE";
    const signature = JSON.stringify([title, unread, unread_mentions, preview, time, isOpen, waiting?.state, muted, online]);
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
      element("span", { class: "sign" }, avatar(title, kind === "group" ? "of-group" : ""), online ? element("span", { class: "online-dot" }) : null),
      element("span", { class: "conversation-title", dir: "auto" }, title, ...(online ? [spoken(" online")] : [])),
      element("time", { class: "conversation-time" }, time),
      element("span", { class: "conversation-preview", dir: "auto" }, preview ?? (kind === "group" ? "Group" : "Direct message")),
      element("span", { class: "badges" }, ...badges(unread, unread > 0 ? unread_mentions : 0, muted, waiting?.state === "FAILED")),
    );
    return view;
  }
}

function badges(unread: number, mentions: number, muted: boolean, failed: boolean): HTMLElement[] {
  return [
    ...(muted ? [element("span", { class: "badge-sign" }, icon("muted"), spoken(" muted"))] : []),
    ...(failed ? [element("span", { class: "badge failed" }, "!", spoken(" message not sent"))] : []),
    ...(mentions > 0 ? [element("span", { class: "badge" }, "@", spoken(" you are mentioned"))] : []),
    ...(unread > 0 ? [element("span", { class: muted ? "badge quiet-badge" : "badge" }, unread > 99 ? "99+" : String(unread), spoken(unread === 1 ? " unread message" : " unread messages"))] : []),
  ];
}
