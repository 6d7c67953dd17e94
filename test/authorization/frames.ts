// Every frame of a client, and what each user gets for it. "-": no answer, which is how good ones of their type are taken.
import type { UpType } from "../../protocol/frames/up.ts";
import { type Answers, everybody, type Place, type UserActor } from "./actors.ts";

export interface FrameCase {
  name?: string;
  frame: (place: Place) => Record<string, unknown>;
  users: Answers<UserActor>;
}

const readers = (ok: string): Answers<UserActor> => ({ ...everybody(ok), stranger: "not_found", removed: "not_found", banned: "not_found" });
const writers = (ok: string): Answers<UserActor> => ({ ...readers(ok), blocked: "forbidden" });
const keyed = ({ conversation_id, key: client_msg_id }: Place): Record<string, unknown> => ({ conversation_id, client_msg_id });

export const FRAMES: Readonly<Record<UpType, readonly FrameCase[]>> = {
  msg: [
    { name: "to a conversation", frame: (place) => ({ ...keyed(place), content: "x" }), users: writers("ack") },
    { name: "to a user", frame: ({ other, key }) => ({ to: other, client_msg_id: key, content: "x" }), users: { ...everybody("ack"), blocked: "forbidden" } },
    { name: "in answer to what they may not see", frame: ({ outsider, key, msg_id }) => ({ to: outsider, client_msg_id: key, content: "x", reply_to: msg_id }), users: everybody("not_found") },
  ],
  edit: [{ frame: (place) => ({ ...keyed(place), target_msg_id: place.msg_id, content: "y" }), users: { ...writers("forbidden"), member: "ack" } }],
  delete: [{ frame: (place) => ({ ...keyed(place), target_msg_id: place.msg_id }), users: writers("ack") }],
  react: [{ frame: (place) => ({ ...keyed(place), target_msg_id: place.msg_id, emoji: "+", on: true }), users: writers("ack") }],
  receipt: [
    { name: "of what they may see", frame: ({ conversation_id, seq }) => ({ conversation_id, up_to_seq: seq, status: "READ" }), users: readers("-") },
    { name: "past the head", frame: ({ conversation_id }) => ({ conversation_id, up_to_seq: 999_999, status: "READ" }), users: readers("bad_receipt") },
  ],
  open: [{ frame: ({ conversation_id }) => ({ conversation_id }), users: readers("-") }],
  close: [{ frame: ({ conversation_id }) => ({ conversation_id }), users: everybody("-") }],
  typing: [{ frame: ({ conversation_id }) => ({ conversation_id, on: true }), users: readers("-") }],
  presence_sub: [{ frame: ({ other }) => ({ users: [other] }), users: everybody("presence") }],
  presence_unsub: [{ frame: ({ other }) => ({ users: [other] }), users: everybody("-") }],
  heartbeat: [{ frame: () => ({ profile: "background" }), users: everybody("heartbeat") }],
  resume: [{ frame: ({ conversation_id }) => ({ cursors: { [conversation_id]: { epoch: 1, seq: 999_999 } } }), users: readers("bad_cursor") }],
  auth_refresh: [{ frame: () => ({ token: "none" }), users: everybody("unauthorized") }],
};
