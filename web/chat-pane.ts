// The open conversation: who it is with, its messages, and the field to write in.
import type { ConfabClient, ConversationRow } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { Composer } from "./composer.ts";
import { element, iconButton } from "./element.ts";
import { openDetails } from "./group-dialogs.ts";
import { icon } from "./icons.ts";
import { conversationOf, type Place, targetOf, titleOf } from "./place.ts";
import type { ReadMarks } from "./read-marks.ts";
import { TimelineView } from "./timeline-view.ts";

export interface ChatPane {
  conversation_id: string;
  element: HTMLElement;
  timeline: TimelineView;
  /** Title and members may have changed. */
  update(): void;
  focus(): void;
}

export interface PaneActions {
  back: () => void;
  /** The newest messages are in sight. */
  seen: () => void;
}

/** null only while it is unknown who is signed in. */
export function chatPane(client: ConfabClient, place: Place, marks: ReadMarks, actions: PaneActions): ChatPane | null {
  const conversation_id = conversationOf(client, place);
  if (conversation_id === null) return null;
  const rowOf = (): ConversationRow | undefined => client.conversations().find((row) => row.conversation_id === conversation_id);
  const row = rowOf();
  const title = titleOf(row, place, client.user_id);
  const timeline = new TimelineView(client, {
    conversation_id,
    peer: place.kind === "direct" ? place.peer : null,
    label: `History, ${title}`,
    first_unread: row === undefined || marks.unread(row) === 0 ? Number.POSITIVE_INFINITY : marks.firstUnread(row),
  }, actions.seen);
  const composer = new Composer(conversation_id, {
    send: (text) => {
      client.send(targetOf(place), text);
      timeline.toNewest();
    },
    scroll: (pages) => timeline.scrollByPage(pages),
  });
  const heading = element("h1", { dir: "auto" });
  const sign = element("span", { class: "pane-sign" });
  const details = place.kind === "group"
    ? iconButton("Members and settings", icon("details"), "", () => void openDetails(client, conversation_id, heading.textContent ?? ""))
    : null;
  const update = (): void => {
    const now = titleOf(rowOf(), place, client.user_id);
    if (heading.textContent === now) return;
    heading.textContent = now;
    sign.replaceChildren(avatar(now, place.kind === "group" ? "of-group" : ""));
  };
  update();
  return {
    conversation_id,
    timeline,
    update,
    focus: () => composer.focus(),
    element: element("section", { class: "pane", "aria-label": `Conversation, ${title}` },
      element("header", { class: "pane-head" }, iconButton("Back to the conversations", icon("back"), "back", actions.back), sign, heading, details),
      timeline.element,
      composer.element,
    ),
  };
}
