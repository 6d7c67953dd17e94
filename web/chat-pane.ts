// The open conversation: who it is with, its messages, and the field to write in.
import type { ConfabClient, ConversationRow, Message } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { type About, Composer } from "./composer.ts";
import { conversationItems } from "./conversation-menu.ts";
import { element, iconButton } from "./element.ts";
import { openDetails } from "./group-details.ts";
import { icon } from "./icons.ts";
import type { Attachment } from "./media/attachments.ts";
import { onDroppedFiles } from "./media/drop.ts";
import { openMenu } from "./menu.ts";
import { openMessageMenu } from "./message-menu.ts";
import { mentionsIn } from "./mentions.ts";
import { PaneStatus } from "./pane-status.ts";
import { conversationOf, type Place, targetOf, titleOf } from "./place.ts";
import { SearchPanel } from "./search-panel.ts";
import { TimelineView } from "./timeline-view.ts";

export interface ChatPane {
  conversation_id: string;
  element: HTMLElement;
  timeline: TimelineView;
  /** Title and members may have changed. */
  update(): void;
  focus(): void;
  destroy(): void;
}

export interface PaneActions {
  back: () => void;
  /** The newest messages are in sight. */
  seen: () => void;
  /** Something that failed in the background. */
  warn: (error: unknown) => void;
}

/** null only while it is unknown who is signed in. */
export function chatPane(client: ConfabClient, place: Place, actions: PaneActions): ChatPane | null {
  const conversation_id = conversationOf(client, place);
  return conversation_id === null ? null : new Pane(client, place, conversation_id, actions);
}

class Pane implements ChatPane {
  readonly conversation_id: string;
  readonly element: HTMLElement;
  readonly timeline: TimelineView;
  readonly #client: ConfabClient;
  readonly #place: Place;
  readonly #composer: Composer;
  readonly #status: PaneStatus;
  readonly #search: SearchPanel;
  readonly #heading = element("h1", { dir: "auto" });
  readonly #sign = element("span", { class: "pane-sign" });
  readonly #unshow: () => void;
  /** Of a group: who may be mentioned, and what this user is there. */
  #members: readonly { user_id: string; role: string }[] = [];

  constructor(client: ConfabClient, place: Place, conversation_id: string, actions: PaneActions) {
    this.#client = client;
    this.#place = place;
    this.conversation_id = conversation_id;
    const peer = place.kind === "direct" ? place.peer : null;
    const row = this.#row();
    const title = titleOf(row, place, client.user_id);
    this.#composer = new Composer(conversation_id, {
      send: (text, about, files) => this.#send(text, about, files),
      scroll: (pages) => this.timeline.scrollByPage(pages),
      typing: (on) => client.typing(conversation_id, on),
      editLast: () => this.#editLast(),
    });
    this.timeline = new TimelineView(client, {
      conversation_id, peer, label: `History, ${title}`,
      first_unread: row === undefined || row.unread === 0 ? Number.POSITIVE_INFINITY : row.head_msg_no - row.unread + 1,
    }, {
      seen: () => actions.seen(),
      openMenu: (message, from) => openMessageMenu(client, message, from, {
        reply: (one) => this.#composer.about({ kind: "reply", message: one }),
        edit: (one) => this.#composer.about({ kind: "edit", message: one }),
        moderates: () => this.#moderates(),
      }),
      reply: (message) => this.#composer.about({ kind: "reply", message }),
      leave: () => this.#composer.focus(),
    });
    this.#status = new PaneStatus(client, conversation_id, peer);
    this.#unshow = client.show(conversation_id);
    const more = iconButton("What to do with this conversation", icon("bell"), "", () =>
      openMenu("What to do with this conversation", more, conversationItems(client, this.#row(), peer, actions.warn)));
    more.setAttribute("aria-haspopup", "menu");
    more.replaceChildren(icon("more"));
    const find = iconButton("Search in this conversation", icon("search"), "", () => this.#toggleSearch(find));
    find.setAttribute("aria-expanded", "false");
    this.#search = new SearchPanel(client, conversation_id, { goTo: (hit) => this.timeline.reach(hit.msg_id), closed: () => this.#closeSearch(find) });
    const details = peer === null ? iconButton("Members and settings", icon("group"), "", () => void openDetails(client, conversation_id, this.#heading.textContent ?? "")) : null;
    this.update();
    this.element = element("section", { class: "pane", "aria-label": `Conversation, ${title}` },
      element("header", { class: "pane-head" }, iconButton("Back to the conversations", icon("back"), "back", actions.back), this.#sign,
        element("div", { class: "pane-title" }, this.#heading, this.#status.element), find, details, more),
      this.#search.element,
      this.timeline.element,
      this.#composer.element,
    );
    onDroppedFiles(this.element, (files) => this.#composer.attach(files));
    if (peer === null) void this.#readMembers();
  }

  update(): void {
    this.#status.update();
    const now = titleOf(this.#row(), this.#place, this.#client.user_id);
    if (this.#heading.textContent === now) return;
    this.#heading.textContent = now;
    this.#sign.replaceChildren(avatar(now, this.#place.kind === "group" ? "of-group" : ""));
  }

  focus(): void {
    this.#composer.focus();
  }

  destroy(): void {
    this.#client.typing(this.conversation_id, false);
    this.#unshow();
    this.#status.destroy();
    this.#search.close();
    this.#composer.destroy();
    this.timeline.destroy();
  }

  #toggleSearch(find: HTMLElement): void {
    if (this.#search.isOpen) {
      this.#search.close();
      this.#closeSearch(find);
      return;
    }
    find.setAttribute("aria-expanded", "true");
    this.#search.open();
  }

  #closeSearch(find: HTMLElement): void {
    find.setAttribute("aria-expanded", "false");
    find.focus();
  }

  #row(): ConversationRow | undefined {
    return this.#client.conversations().find((row) => row.conversation_id === this.conversation_id);
  }

  #send(text: string, about: About, files: readonly Attachment[]): void {
    const mentions = mentionsIn(text, this.#members.map(({ user_id }) => user_id), this.#client.user_id);
    const mentioned = mentions.length === 0 ? {} : { mentions };
    if (about?.kind === "edit") {
      if (text !== about.message.content) this.#client.edit(about.message, text, mentions.length === 0 ? undefined : mentions);
      return;
    }
    const target = targetOf(this.#place);
    const first = { ...mentioned, ...(about === null ? {} : { reply_to: about.message.msg_id }) };
    if (files.length === 0) this.#client.send(target, text, first);
    // What is written stands with the first of them.
    files.forEach(({ file, kind, content_type, media }, i) => this.#client.sendMedia(target, file, { kind, content_type, media, ...(i === 0 ? { ...first, content: text } : {}) }));
    this.timeline.toNewest();
  }

  #editLast(): void {
    const me = this.#client.user_id;
    const last = this.#client.conversation(this.conversation_id)?.events
      .findLast((slot): slot is Message => slot.type === "msg" && slot.sender_id === me && slot.deleted_at === undefined);
    if (last !== undefined) this.#composer.about({ kind: "edit", message: last });
  }

  #moderates(): boolean {
    return this.#members.some(({ user_id, role }) => user_id === this.#client.user_id && role !== "member");
  }

  /** Without them nobody is mentioned and nothing of others can be deleted: no reason to warn. */
  async #readMembers(): Promise<void> {
    try {
      this.#members = (await this.#client.describe(this.conversation_id)).members;
    } catch {
      this.#members = [];
    }
  }
}
