// A row of the message list as an element. Content becomes a text node and nothing else.
import { element, named, spoken, button } from "./element.ts";
import { errorText } from "./error-text.ts";
import { hueOf } from "./avatar.ts";
import { icon } from "./icons.ts";
import type { MessageRow, Row } from "./rows.ts";
import { clock, wholeTime } from "./times.ts";

const STATES = { PENDING: ["pending", "Waiting to be sent"], SENT: ["sent", "Sent"], FAILED: ["failed", "Not sent"] } as const;
const EMOJI_ONLY = /^\p{RGI_Emoji}{1,3}$/v;

/** Changes whenever the element must be made anew. Neighbours change only the classes: what is selected in it stays so. */
export function signatureOf(row: Row): string {
  if (row.kind !== "message") return "text" in row ? row.text : "";
  return `${row.state} ${row.at} ${row.error?.code ?? ""}`;
}

export function classesOf(row: Row): string {
  if (row.kind !== "message") return `${row.kind}-line`;
  const classes = ["message", row.mine ? "mine" : "theirs", row.first ? "first" : "", row.last ? "last" : "", row.state === "FAILED" ? "failed" : ""];
  return classes.filter((name) => name !== "").join(" ");
}

/** Without its classes. @param peer whom the conversation is with, for errors about a person; null in groups */
export function rowView(row: Row, peer: string | null): HTMLElement {
  switch (row.kind) {
    case "day":
    case "note":
      return element("li", {}, element("span", {}, row.text));
    case "new":
      return element("li", {}, element("span", {}, "New messages"));
    case "message":
      return messageView(row, peer);
  }
}

function messageView(row: MessageRow, peer: string | null): HTMLElement {
  return element("li", {},
    named(row.mine ? "You" : row.sender_id, `sender hue-text-${hueOf(row.sender_id)}`),
    element("div", { class: EMOJI_ONLY.test(row.content) ? "bubble large" : "bubble" },
      row.content_type === "text" ? null : element("span", { class: "kind" }, row.content_type),
      element("p", { class: "text", dir: "auto" }, row.content),
      metaView(row),
    ),
    row.state === "FAILED" ? failureView(row, peer) : null,
  );
}

function metaView(row: MessageRow): HTMLElement {
  const time = element("time", { datetime: new Date(row.at).toISOString(), title: wholeTime(row.at) }, clock(row.at));
  if (row.state === null) return element("span", { class: "meta" }, time);
  const [shape, words] = STATES[row.state];
  return element("span", { class: `meta state-${shape}`, title: words }, time, icon(shape), spoken(words));
}

function failureView({ sending, error }: MessageRow, peer: string | null): HTMLElement {
  return element("p", { class: "failure" },
    `Not sent. ${errorText(error, peer ?? undefined)} `,
    button("Try again", "link", () => sending?.retry()),
    button("Delete", "link", () => sending?.discard()),
  );
}
