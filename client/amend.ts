// What an edit, a deletion, a reaction or a reply makes of the message that it is about. Pure.
import type { Event, Reaction } from "../protocol/events.ts";
import { REACTION_USERS } from "../protocol/limits.ts";
import type { Message } from "./timeline.ts";

export type Change = Extract<Event, { type: "edit" | "delete" | "react" }>;

/** The message after the event; the same object where nothing changes. Events come in the order of their seq. */
export function amended(message: Message, event: Change): Message {
  switch (event.type) {
    case "edit": {
      if (message.deleted_at !== undefined) return message;
      const { mentions: _, ...rest } = message;
      return { ...rest, content: event.content, ...(event.mentions === undefined ? {} : { mentions: event.mentions }), edited_at: event.sent_at };
    }
    case "delete": {
      if (message.deleted_at !== undefined) return message;
      const { media_key: _key, media: _media, mentions: _mentions, edited_at: _edited, reactions: _reactions, ...rest } = message;
      return { ...rest, content: "", deleted_at: event.sent_at };
    }
    case "react":
      if (message.deleted_at !== undefined) return message;
      // Without a name: all of this user's are gone, and so is what they were.
      if (event.emoji === "") return withReactions(message, withoutUser(message.reactions ?? [], event.sender_id));
      return withReactions(message, reacted(message.reactions ?? [], event.emoji, event.sender_id, event.on));
  }
}

/** `by`: one more answers it, or one less. */
export function withReplies(message: Message, by: 1 | -1): Message {
  const { replies = 0, ...rest } = message;
  return replies + by > 0 ? { ...rest, replies: replies + by } : rest;
}

function withReactions(message: Message, reactions: readonly Reaction[]): Message {
  if (reactions === message.reactions || (reactions.length === 0 && message.reactions === undefined)) return message;
  const { reactions: _, ...rest } = message;
  return reactions.length === 0 ? rest : { ...rest, reactions: [...reactions] };
}

/** Only where the user is named: of those that are merely counted nobody knows who they are. */
function withoutUser(reactions: readonly Reaction[], user_id: string): readonly Reaction[] {
  const theirs = reactions.filter((one) => one.users.includes(user_id));
  return theirs.reduce((left, one) => reacted(left, one.emoji, user_id, false), reactions);
}

/** A set per user and emoji: the same again changes nothing. Beyond REACTION_USERS only the count grows. */
export function reacted(reactions: readonly Reaction[], emoji: string, user_id: string, on: boolean): readonly Reaction[] {
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  const listed = known?.users.includes(user_id) === true;
  if (on) {
    if (listed) return reactions;
    if (known === undefined) return [...reactions, { emoji, count: 1, users: [user_id] }];
    const users = known.users.length < REACTION_USERS ? [...known.users, user_id] : known.users;
    return reactions.map((one) => (one === known ? { emoji, count: one.count + 1, users } : one));
  }
  // Not named, and all are named: there was none of theirs.
  if (known === undefined || (!listed && known.count <= known.users.length)) return reactions;
  if (known.count <= 1) return reactions.filter((one) => one !== known);
  return reactions.map((one) => (one === known ? { emoji, count: one.count - 1, users: one.users.filter((user) => user !== user_id) } : one));
}
