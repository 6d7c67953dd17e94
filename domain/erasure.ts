// What is left of an event once its sender's content is gone. Pure; the object and the archive must come to the same text.
import type { Event, EventBody, EventType } from "../protocol/events.ts";

/** The types whose body is content of its sender. What the others say is who is in a group, and what the group is called. */
export const CONTENT_TYPES_OF_EVENTS = ["msg", "edit", "react"] as const satisfies EventType[];

export function holdsContent(type: string): boolean {
  return (CONTENT_TYPES_OF_EVENTS as readonly string[]).includes(type);
}

/** Place, kind and thread of an event without its content; null for an event of a type that has none. */
export function leftOf(event: Event): EventBody | null {
  switch (event.type) {
    case "msg":
      return leftOfMessage(event.content_type, event.reply_to);
    case "edit":
      return leftOfEdit(event);
    case "react":
      return leftOfReaction(event);
    default:
      return null;
  }
}

/** media_key and media go with the rest: whoever keeps files lets go of them where an event is reduced to this. */
export function leftOfMessage(content_type: EventBody<"msg">["content_type"], reply_to: string | undefined): EventBody<"msg"> {
  return { content: "", content_type, ...(reply_to === undefined ? {} : { reply_to }) };
}

export function leftOfEdit({ target_msg_id, target_seq }: Pick<EventBody<"edit">, "target_msg_id" | "target_seq">): EventBody<"edit"> {
  return { target_msg_id, target_seq, content: "" };
}

/** Taken back, without saying which: whoever replays the events ends with none of this user's on the message. */
export function leftOfReaction({ target_msg_id, target_seq }: Pick<EventBody<"react">, "target_msg_id" | "target_seq">): EventBody<"react"> {
  return { target_msg_id, target_seq, emoji: "", on: false };
}
