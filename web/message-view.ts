// A row of the message list as an element. Content becomes a text node and nothing else.
import { INLINE_TYPES } from "../client/client.ts";
import { element, named, spoken, button } from "./element.ts";
import { errorText } from "./error-text.ts";
import { hueOf } from "./avatar.ts";
import { icon } from "./icons.ts";
import type { MessageRow, Quote, ReactionRow, Row } from "./rows.ts";
import { clock, wholeTime } from "./times.ts";

export interface RowActions {
  /** Whom the conversation is with, for errors about a person; null in groups. */
  readonly peer: string | null;
  openMenu(row: MessageRow, from: HTMLElement): void;
  react(row: MessageRow, emoji: string, on: boolean): void;
  goTo(msg_id: string): void;
  /** The view of its file; null where it has none. */
  mediaOf(row: MessageRow): HTMLElement | null;
}

const STATES = {
  PENDING: ["pending", "Waiting to be sent"], SENT: ["sent", "Sent"], DELIVERED: ["delivered", "Delivered"], READ: ["read", "Read"], FAILED: ["failed", "Not sent"],
} as const;
const EMOJI_ONLY = /^\p{RGI_Emoji}{1,3}$/v;

/** Changes whenever the element must be made anew. Neighbours change only the classes: what is selected in it stays so. */
export function signatureOf(row: Row): string {
  if (row.kind !== "message") return "text" in row ? row.text : "";
  const { state, at, error, content, edited, deleted, reactions, quote, replies, counts, message, media, sending } = row;
  const file = media === null ? null : [media.content_type, media.width, media.thumbhash, media.duration_ms, sending !== null && sending.upload !== null];
  return JSON.stringify([state, at, error?.code, content, edited, deleted, reactions, quote, replies, counts, message?.msg_id, file]);
}

export function classesOf(row: Row): string {
  if (row.kind !== "message") return `${row.kind}-line`;
  const { mine, first, last, state, deleted, mentionsMe } = row;
  const classes = ["message", mine ? "mine" : "theirs", first ? "first" : "", last ? "last" : "", state === "FAILED" ? "failed" : "", deleted ? "deleted" : "", mentionsMe ? "to-me" : ""];
  return classes.filter((name) => name !== "").join(" ");
}

/** Without its classes. */
export function rowView(row: Row, actions: RowActions): HTMLElement {
  switch (row.kind) {
    case "day":
    case "note":
      return element("li", {}, element("span", {}, row.text));
    case "new":
      return element("li", {}, element("span", {}, "New messages"));
    case "message":
      return messageView(row, actions);
  }
}

function messageView(row: MessageRow, actions: RowActions): HTMLElement {
  const { deleted, content, content_type, quote, message } = row;
  const media = deleted ? null : actions.mediaOf(row);
  const large = EMOJI_ONLY.test(content) && quote === null && media === null;
  const bubble = element("div", { class: `bubble${large ? " large" : ""}${media === null ? "" : ` with-media with-${INLINE_TYPES.has(row.media?.content_type ?? "") ? content_type : "document"}`}` },
    quote === null || deleted ? null : quoteView(quote, actions),
    media ?? (content_type === "text" || deleted ? null : element("span", { class: "kind" }, content_type)),
    media !== null && content === "" ? null : element("p", { class: "text", dir: "auto" }, deleted ? "This message was deleted." : content),
    metaView(row),
  );
  return element("li", message === null ? {} : { tabindex: "-1", "data-msg": message.msg_id },
    named(row.mine ? "You" : row.sender_id, `sender hue-text-${hueOf(row.sender_id)}`),
    element("div", { class: "bubble-line" }, bubble, message === null || deleted ? null : menuButton(row, actions)),
    row.reactions.length === 0 || deleted ? null : reactionsView(row, actions),
    row.state === "FAILED" ? failureView(row, actions.peer) : null,
  );
}

/** Not among the tab stops: the arrow keys lead from message to message, and Enter opens the menu. */
function menuButton(row: MessageRow, actions: RowActions): HTMLButtonElement {
  const made = element("button", { type: "button", class: "menu-button", tabindex: "-1", "aria-haspopup": "menu", "aria-label": "More actions", title: "More actions" }, icon("more"));
  made.addEventListener("click", () => actions.openMenu(row, made));
  return made;
}

function quoteView({ sender_id, text, msg_id }: Quote, actions: RowActions): HTMLElement {
  const made = element("button", { type: "button", class: "quote", tabindex: "-1" },
    spoken("In answer to "), sender_id === null ? null : named(sender_id, "quote-who"), element("span", { class: "quote-text", dir: "auto" }, text));
  made.addEventListener("click", () => actions.goTo(msg_id));
  return made;
}

function reactionsView(row: MessageRow, actions: RowActions): HTMLElement {
  return element("ul", { class: "reactions", "aria-label": "Reactions" }, ...row.reactions.map((reaction) => element("li", {}, reactionView(row, reaction, actions))));
}

function reactionView(row: MessageRow, { emoji, count, mine, users }: ReactionRow, actions: RowActions): HTMLButtonElement {
  const made = button(`${emoji} ${count}`, "reaction", () => actions.react(row, emoji, !mine));
  made.setAttribute("aria-pressed", String(mine));
  made.setAttribute("tabindex", "-1");
  made.title = users.join(", ") + (count > users.length ? ` and ${count - users.length} more` : "");
  return made;
}

function metaView(row: MessageRow): HTMLElement {
  const time = element("time", { datetime: new Date(row.at).toISOString(), title: wholeTime(row.at) }, clock(row.at));
  const edited = row.edited && !row.deleted ? element("span", {}, "edited") : null;
  const replies = row.replies === 0 ? null : element("span", {}, row.replies === 1 ? "1 answer" : `${row.replies} answers`);
  if (row.state === null || row.deleted) return element("span", { class: "meta" }, replies, edited, time);
  const [shape, word] = STATES[row.state];
  const words = row.counts === null ? word : countWords(row.counts.read, row.counts.delivered, row.counts.total ?? 0, word);
  return element("span", { class: `meta state-${shape}`, title: words }, replies, edited, time, icon(shape), spoken(words));
}

function countWords(read: number, delivered: number, total: number, word: string): string {
  if (read === total || delivered === 0) return word;
  return read > 0 ? `${word}, read by ${read} of ${total}` : delivered < total ? `${word}, delivered to ${delivered} of ${total}` : word;
}

function failureView({ sending, error }: MessageRow, peer: string | null): HTMLElement {
  return element("p", { class: "failure" },
    `Not sent. ${errorText(error, peer ?? undefined)} `,
    button("Try again", "link", () => sending?.retry()),
    button("Delete", "link", () => sending?.discard()),
  );
}
