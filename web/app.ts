// The signed-in page: the list on one side, the open conversation on the other. Wires the client to the views.
import { connect, type ConfabClient } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { type ChatPane, chatPane } from "./chat-pane.ts";
import { ConversationList } from "./conversation-list.ts";
import { element, iconButton, named } from "./element.ts";
import { errorText } from "./error-text.ts";
import { openNewGroup } from "./new-group.ts";
import { invitationIn, openInvitation } from "./group-invites.ts";
import { openProfile } from "./profile-dialog.ts";
import { icon, logo } from "./icons.ts";
import { IndexedDbOutboxStore } from "./outbox-idb.ts";
import { type Place, readPlace } from "./place.ts";
import { Previews } from "./previews.ts";
import { coalesced } from "./schedule.ts";
import type { Session } from "./session.ts";
import { startChatForm } from "./start-chat.ts";
import { StatusView } from "./status-view.ts";

/** Scrolling far back must not be undone by the next message. */
const KEEP_EVENTS = 100_000;

/** @param ended signed out by choice (null) or because the server said why */
export function openApp(session: Session, ended: (reason: "chosen" | "no issuer" | "refused") => void): HTMLElement {
  const client = connect({ url: location.origin, token: session.token, user_id: session.user_id, store: new IndexedDbOutboxStore(session.user_id), keep_events: KEEP_EVENTS });
  return new App(client, session, ended).element;
}

class App {
  readonly element: HTMLElement;
  readonly #client: ConfabClient;
  readonly #list: ConversationList;
  readonly #status: StatusView;
  readonly #previews: Previews;
  readonly #main = element("div", { class: "main" });
  readonly #ended: (reason: "chosen" | "no issuer" | "refused") => void;
  readonly #stopping = new AbortController();
  readonly #update = coalesced(() => this.#render());
  #pane: ChatPane | null = null;

  constructor(client: ConfabClient, session: Session, ended: (reason: "chosen" | "no issuer" | "refused") => void) {
    this.#client = client;
    this.#ended = ended;
    this.#list = new ConversationList(client, () => this.#update());
    this.#status = new StatusView(client);
    this.#previews = new Previews(client);
    const me = element("div", { class: "me" }, avatar(session.user_id, "small"), named(session.user_id),
      iconButton("Your profile", icon("person"), "", () => void openProfile(client)), iconButton("Sign out", icon("leave"), "", () => this.#end("chosen")));
    const sidebar = element("section", { class: "sidebar", "aria-label": "Conversations and status" },
      element("header", { class: "sidebar-head" }, element("h1", {}, logo(), "Confab"), me),
      this.#status.element,
      startChatForm(client, () => openNewGroup(client)),
      this.#list.element,
    );
    this.element = element("main", { class: "app" }, sidebar, this.#main);
    this.#listen();
    this.#open(readPlace(location.hash));
  }

  #listen(): void {
    const { signal } = this.#stopping;
    this.#client.on("state", (state) => {
      this.#status.changed();
      this.#previews.changed();
      if (state.kind === "refused" && state.error.code === "not_found") this.#end("no issuer");
      else if (state.kind === "refused" && state.error.code !== "origin_refused") this.#end("refused");
    });
    this.#client.on("error", (error) => {
      if (error.code === "store_failed") this.#status.warn("Unsent messages can’t be kept in this browser: a reload would lose them.");
    });
    this.#client.on("conversations", () => {
      this.#previews.changed();
      this.#pane?.timeline.changed();
      this.#update();
    });
    this.#client.on("conversation", (conversation_id) => {
      if (conversation_id === this.#pane?.conversation_id) this.#pane.timeline.changed();
      this.#update();
    });
    this.#client.on("upload", (sending) => this.#pane?.timeline.uploading(sending));
    this.#client.on("presence", () => this.#update());
    // What was refused of an edit, a deletion or a reaction stands nowhere else.
    this.#client.on("sending", ({ state, isMessage, error }) => {
      if (state === "FAILED" && !isMessage) this.#status.warn(errorText(error), true);
    });
    this.#client.on("restored", (conversation_id) => {
      if (conversation_id === this.#pane?.conversation_id) this.#pane.timeline.restarted();
    });
    addEventListener("hashchange", () => this.#open(readPlace(location.hash)), { signal });
    addEventListener("online", () => this.#awake(), { signal });
    addEventListener("offline", () => this.#awake(), { signal });
    addEventListener("pageshow", () => this.#awake(), { signal });
    document.addEventListener("visibilitychange", () => {
      this.#client.profile(document.hidden ? "background" : "foreground");
      if (!document.hidden) this.#awake();
    }, { signal });
  }

  #awake(): void {
    this.#client.wake();
    this.#status.changed();
    this.#seen();
  }

  #open(place: Place | null): void {
    const invitation = invitationIn(location.hash);
    // Not before the page stands: it would sweep the question away.
    if (invitation !== null) queueMicrotask(() => openInvitation(this.#client, invitation));
    this.#pane?.destroy();
    this.#pane = place === null ? null : chatPane(this.#client, place, {
      back: () => this.#back(), seen: () => this.#seen(), warn: (error) => this.#status.warn(errorText(error), true),
    });
    this.element.dataset["showing"] = this.#pane === null ? "list" : "chat";
    this.#main.replaceChildren(this.#pane === null ? emptyPane() : this.#pane.element);
    // Its newest messages may be in sight already: that is told from here on.
    this.#pane?.timeline.changed();
    // On a touch screen the keyboard would cover the messages before they are read.
    if (!matchMedia("(pointer: coarse)").matches) this.#pane?.focus();
    this.#render();
  }

  #back(): void {
    const link = document.querySelector<HTMLElement>(".conversation[aria-current]");
    location.hash = "";
    link?.focus();
  }

  #seen(): void {
    if (!document.hidden && this.#pane !== null) this.#client.conversation(this.#pane.conversation_id)?.read();
  }

  #render(): void {
    this.#list.update(this.#pane?.conversation_id ?? null);
    this.#pane?.update();
    const counts = this.#client.conversations().filter((row) => !row.muted && (row.conversation_id !== this.#pane?.conversation_id || document.hidden)).map((row) => row.unread);
    const unread = counts.reduce((sum, one) => sum + one, 0);
    document.title = unread === 0 ? "Confab" : `(${unread}) Confab`;
  }

  #end(reason: "chosen" | "no issuer" | "refused"): void {
    this.#stopping.abort();
    this.#previews.stop();
    this.#status.stop();
    this.#list.stop();
    this.#pane?.destroy();
    this.#client.close();
    document.title = "Confab";
    this.#ended(reason);
  }
}

function emptyPane(): HTMLElement {
  return element("div", { class: "empty-pane" }, logo(),
    element("p", {}, "Pick a conversation, or write to somebody with “Chat with”."),
    element("p", { class: "hint" }, "To try it alone: open a second window and sign in there with another name."),
  );
}
