// The message list of one conversation: a bounded part of it in the page, older pages on scrolling back, the newest
// kept in sight while somebody reads there.
import type { ConfabClient, Message, Sending, Slot } from "../client/client.ts";
import { button, element } from "./element.ts";
import { errorText } from "./error-text.ts";
import { icon } from "./icons.ts";
import { MediaViews } from "./media/media-views.ts";
import { KEYS_HINT, onMessageKeys } from "./message-keys.ts";
import { classesOf, type RowActions, rowView, signatureOf } from "./message-view.ts";
import { reconcile } from "./reconcile.ts";
import { keyOfSending, type Row, type RowContext, rowsOf } from "./rows.ts";
import { coalesced } from "./schedule.ts";
import { hidesOlder, newer, newest, older, slice, trimmed, type Window } from "./window.ts";

export interface TimelineSubject {
  conversation_id: string;
  /** The other person of a direct conversation; null for a group. */
  peer: string | null;
  label: string;
  /** See rows.ts. */
  first_unread: number;
}

export interface TimelineActions {
  /** The newest messages are in sight. */
  seen(): void;
  openMenu(message: Message, from: HTMLElement): void;
  reply(message: Message): void;
  /** Back to writing. */
  leave(): void;
}

/** Nearer to the end than this counts as at the end, px. */
const NEAR = 48;
const PAGE = 50;
/** How far back a message is looked for: pages, and events of each. */
const REACH_PAGES = 30;
const REACH_PAGE = 100;

export class TimelineView {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #subject: TimelineSubject;
  /** Read out as it grows at its end, and only there. */
  readonly #log = element("div", { role: "log", "aria-live": "off" });
  readonly #list: HTMLOListElement;
  readonly #top = element("div", { class: "timeline-top" });
  readonly #bottom = element("div", { class: "timeline-bottom", role: "status" });
  readonly #end = element("div", { class: "timeline-end" });
  readonly #scroller: HTMLElement;
  readonly #jump: HTMLButtonElement;
  readonly #rows = new Map<string, { signature: string; view: HTMLElement }>();
  readonly #media: MediaViews;
  readonly #observer: IntersectionObserver;
  readonly #resized: ResizeObserver;
  readonly #actions: TimelineActions;
  readonly #render = coalesced(() => this.#update());
  readonly #rowActions: RowActions;
  #window: Window = { first: 0, last: null };
  #atEnd = true;
  /** Newest seq that was in sight. */
  #seenSeq = 0;
  #loading = false;

  constructor(client: ConfabClient, subject: TimelineSubject, actions: TimelineActions) {
    this.#client = client;
    this.#subject = subject;
    this.#actions = actions;
    this.#scroller = element("div", { class: "timeline", tabindex: "0", role: "group", "aria-label": subject.label, "aria-description": KEYS_HINT }, this.#top, this.#log, this.#bottom, this.#end);
    this.#list = element("ol", { class: subject.peer === null ? "messages" : "messages direct" });
    this.#log.append(this.#list);
    onMessageKeys(this.#list, this.#scroller, {
      openMenu: (msg_id) => this.#menu(msg_id, this.#list.querySelector<HTMLElement>(`[data-msg="${msg_id}"]`)),
      reply: (msg_id) => this.#with(msg_id, (message) => actions.reply(message)),
      leave: () => actions.leave(),
    });
    this.#jump = button("", "jump", () => this.toNewest());
    this.element = element("div", { class: "timeline-frame" }, this.#scroller, this.#jump);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#observer = new IntersectionObserver((entries) => this.#reached(entries), { root: this.#scroller, rootMargin: "400px 0px" });
    this.#observer.observe(this.#top);
    this.#observer.observe(this.#end);
    // A keyboard on the screen or a growing composer must not hide the newest message.
    this.#resized = new ResizeObserver(() => this.#atEnd && this.#toEnd());
    this.#resized.observe(this.#scroller);
    this.#media = new MediaViews(client, this.#scroller);
    this.#rowActions = {
      mediaOf: (row) => this.#media.of(row),
      peer: subject.peer,
      openMenu: (row, from) => this.#menu(row.message?.msg_id ?? "", from),
      react: ({ message }, emoji, on) => message !== null && void client.react(message, emoji, on),
      goTo: (msg_id) => this.#goTo(msg_id),
    };
    this.#update();
  }

  /** Something of the conversation changed. */
  changed(): void {
    this.#render();
  }

  /** The file of an own message is further on its way. */
  uploading(sending: Sending): void {
    this.#media.uploading(keyOfSending(sending, this.#client.user_id ?? ""), sending);
  }

  /** Its events start again. */
  restarted(): void {
    this.#window = { first: 0, last: null };
    this.#render();
  }

  /** Reads back to a message and shows it; false where that is too far, or can't be read. */
  async reach(msg_id: string): Promise<boolean> {
    for (let page = 0; page < REACH_PAGES; page += 1) {
      const conversation = this.#client.conversation(this.#subject.conversation_id);
      if (conversation === null) return false;
      if (conversation.message(msg_id) !== null) {
        this.#goTo(msg_id);
        return true;
      }
      if (conversation.older.kind === "none" || (page > 0 && conversation.older.kind === "failed")) return false;
      await conversation.loadOlder(REACH_PAGE);
    }
    return false;
  }

  toNewest(): void {
    this.#window = newest(this.#run());
    this.#atEnd = true;
    this.#update();
  }

  scrollByPage(pages: number): void {
    this.#scroller.scrollBy({ top: pages * this.#scroller.clientHeight * 0.9 });
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#resized.disconnect();
    this.#media.destroy();
  }

  #context(): RowContext {
    const conversation = this.#client.conversation(this.#subject.conversation_id);
    return {
      me: this.#client.user_id ?? "", now: Date.now(), first_unread: this.#subject.first_unread,
      statusOf: (message) => conversation?.status(message) ?? { status: "SENT", delivered: 0, read: 0, total: null },
      messageOf: (msg_id) => conversation?.message(msg_id) ?? null,
    };
  }

  #with(msg_id: string, act: (message: Message) => void): void {
    const message = this.#client.conversation(this.#subject.conversation_id)?.message(msg_id) ?? null;
    if (message !== null && message.deleted_at === undefined) act(message);
  }

  #menu(msg_id: string, from: HTMLElement | null): void {
    if (from !== null) this.#with(msg_id, (message) => this.#actions.openMenu(message, from));
  }

  /** To a message that is among those here; what is older has to be scrolled to. */
  #goTo(msg_id: string): void {
    this.#with(msg_id, ({ seq }) => {
      while (seq < this.#window.first && hidesOlder(this.#run(), this.#window)) this.#window = older(this.#run(), this.#window);
      this.#atEnd = false;
      this.#update();
      const view = this.#list.querySelector<HTMLElement>(`[data-msg="${msg_id}"]`);
      view?.focus({ preventScroll: true });
      view?.scrollIntoView({ block: "center" });
    });
  }

  #run(): readonly Slot[] {
    return this.#client.conversation(this.#subject.conversation_id)?.events ?? [];
  }

  #update(): void {
    const run = this.#run();
    if (this.#window.first === 0 && run.length > 0) this.#window = newest(run);
    if (this.#atEnd) this.#window = trimmed(run, this.#window);
    const sendings = this.#window.last === null ? this.#client.unsettled(this.#subject.conversation_id) : [];
    const rows = rowsOf(slice(run, this.#window), sendings, this.#context());
    const focused = this.#list.contains(document.activeElement) ? (document.activeElement?.closest<HTMLElement>("[data-key]")?.dataset["key"] ?? "") : "";
    this.#keepingPlace(() => {
      reconcile(this.#list, this.#views(rows));
      this.#updateTop(run);
      this.#updateBottom();
    });
    // A message that changed is another element.
    if (focused !== "" && document.activeElement === document.body) this.#rows.get(focused)?.view.focus({ preventScroll: true });
    this.#updateJump(run);
    if (this.#atEnd) this.#actions.seen();
    this.#log.setAttribute("aria-live", this.#atEnd && run.length > 0 ? "polite" : "off");
    // What is in sight of the observer without a change of its own is not told again.
    this.#observer.unobserve(this.#top);
    this.#observer.observe(this.#top);
  }

  #views(rows: readonly Row[]): HTMLElement[] {
    const gone = new Set(this.#rows.keys());
    const views = rows.map((row) => {
      gone.delete(row.key);
      const signature = signatureOf(row);
      const known = this.#rows.get(row.key);
      const view = known?.signature === signature ? known.view : rowView(row, this.#rowActions);
      const classes = classesOf(row);
      if (view.className !== classes) view.className = classes;
      if (view === known?.view) return view;
      view.dataset["key"] = row.key;
      this.#rows.set(row.key, { signature, view });
      return view;
    });
    for (const key of gone) this.#rows.delete(key);
    this.#media.keep(new Set(this.#rows.keys()));
    return views;
  }

  /** At the end it stays there; elsewhere the first message in sight stays where it is. */
  #keepingPlace(change: () => void): void {
    const scroller = this.#scroller;
    const edge = scroller.getBoundingClientRect().top;
    // A day's line moves up when an older message of that day comes above: it holds no place.
    const anchors = this.#atEnd ? [] : this.#list.querySelectorAll<HTMLElement>(".message, .note-line");
    const anchor = [...anchors].find((row) => row.getBoundingClientRect().bottom > edge);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    // By its key: a change of state makes it another element.
    const after = this.#rows.get(anchor?.dataset["key"] ?? "")?.view.getBoundingClientRect().top;
    if (this.#atEnd) this.#toEnd();
    else if (after !== undefined) scroller.scrollTop += after - before;
  }

  #toEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#atEnd = this.#window.last === null && scrollHeight - scrollTop - clientHeight < NEAR;
    this.#updateJump(this.#run());
    if (this.#atEnd) this.#actions.seen();
  }

  #reached(entries: readonly IntersectionObserverEntry[]): void {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      if (target === this.#top) this.#showOlder();
      else this.#showNewer();
    }
  }

  #showOlder(): void {
    const conversation = this.#client.conversation(this.#subject.conversation_id);
    if (hidesOlder(this.#run(), this.#window)) {
      this.#window = older(this.#run(), this.#window);
      this.#render();
    } else if (conversation?.older.kind === "more") void this.#load();
  }

  async #load(): Promise<void> {
    const conversation = this.#client.conversation(this.#subject.conversation_id);
    if (conversation === null || this.#loading) return;
    this.#loading = true;
    this.#render();
    await conversation.loadOlder(PAGE);
    this.#loading = false;
    if (hidesOlder(this.#run(), this.#window)) this.#window = older(this.#run(), this.#window);
    this.#render();
  }

  #showNewer(): void {
    if (this.#window.last === null) return;
    this.#window = newer(this.#run(), this.#window);
    this.#render();
  }

  #updateTop(run: readonly Slot[]): void {
    const state = this.#client.conversation(this.#subject.conversation_id)?.older ?? null;
    const kind = hidesOlder(run, this.#window) ? "more" : this.#loading ? "loading" : (state?.kind ?? (this.#client.listed ? "begin" : "unknown"));
    if (this.#top.dataset["kind"] === kind) return;
    this.#top.dataset["kind"] = kind;
    if (state?.kind === "failed" && kind === "failed") {
      this.#top.replaceChildren(element("p", { role: "alert" }, errorText(state.error)), button("Try again", "link", () => void this.#load()));
    } else if (kind === "loading") this.#top.replaceChildren(element("p", { class: "loading" }, "Reading earlier messages…"));
    else if (kind === "more" || kind === "unknown") this.#top.replaceChildren();
    else this.#top.replaceChildren(element("p", {}, beginning(kind, this.#subject.peer === null)));
  }

  #updateBottom(): void {
    const state = this.#client.conversation(this.#subject.conversation_id)?.catchUp ?? { kind: "current" };
    const text = state.kind === "failed" ? errorText(state.error) : state.kind === "reading" && state.missing > 1 ? "Reading newer messages…" : "";
    if (this.#bottom.textContent !== text) this.#bottom.textContent = text;
  }

  #updateJump(run: readonly Slot[]): void {
    const head = run.at(-1)?.seq ?? 0;
    if (this.#atEnd) this.#seenSeq = head;
    const me = this.#client.user_id;
    let unseen = 0;
    for (let i = run.length - 1; i >= 0 && (run[i] as Slot).seq > this.#seenSeq; i--) {
      const slot = run[i] as Slot;
      if (slot.type === "msg" && slot.sender_id !== me) unseen++;
    }
    this.#jump.hidden = this.#atEnd;
    const label = unseen === 0 ? "To the newest" : unseen === 1 ? "1 new message" : `${unseen} new messages`;
    if (this.#jump.textContent !== label) this.#jump.replaceChildren(icon("down"), label);
  }
}

/** A direct conversation begins with its first message; a group that is not listed is none of this user's. */
function beginning(kind: string, isGroup: boolean): string {
  if (!isGroup) return "This is where your conversation begins.";
  return kind === "begin" ? "This conversation is not there, or not for you." : "This is where the group begins.";
}
