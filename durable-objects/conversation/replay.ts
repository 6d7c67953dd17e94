// Restored events become rows, and what each of them did is done again: who is a member, which message is edited, deleted,
// reacted to and answered. What no event says is not there afterwards: invitations, device numbers.
import { type EventBody, EVENT_BODIES, type EventType } from "../../protocol/events.ts";
import { canonicalJson } from "../../protocol/canonical.ts";
import type { RestoreEvent } from "../../protocol/restore-calls.ts";
import { ERASED_SALT } from "../../protocol/segment.ts";
import { bisect } from "../../domain/page.ts";
import { sha256Hex } from "../platform/hash.ts";
import { commitErasure } from "./erasure.ts";
import type { EventRecord } from "./records.ts";
import type { ConversationStore } from "./store.ts";
import { SenderStore } from "./store/by-sender.ts";
import type { RestoreStore } from "./store/restores.ts";
import * as v from "valibot";

/** What the archive gives can't be what was sealed. */
export class WrongEvent extends Error {}

/** Where the events end so far. */
export interface End {
  seq: number;
  msg_no: number;
  msg_id: string;
}

interface Replaying {
  store: ConversationStore;
  restores: RestoreStore;
  place: { conversation_id: string; epoch: number };
}

/** Within the commit of its page. Throws WrongEvent. */
export function replay({ store, restores, place }: Replaying, event: RestoreEvent, end: End): End {
  const { seq, msg_id, type } = event;
  const body = checkedBody(event, end);
  const erased = event.salt === ERASED_SALT;
  const msg_no = end.msg_no + (type === "msg" ? 1 : 0);
  if (type === "msg" && event.msg_no !== msg_no) throw new WrongEvent(`seq ${seq} should be message ${msg_no}, not ${event.msg_no}`);
  const target_seq = targetOf(store, seq, body);
  store.insertRestored({
    seq, msg_id, msg_no, type, sender_id: event.sender_id, client_msg_id: event.client_msg_id, device_id: null,
    content_type: "content_type" in body ? body.content_type : null, body: event.body, salt: Uint8Array.from(Buffer.from(event.salt, "hex")),
    content_hash: erased ? Uint8Array.from(Buffer.from(event.content_hash, "hex")) : null, target_seq,
  });
  if ("media_key" in body && body.media_key !== undefined && event.client_msg_id !== null) {
    store.media.commitCarriedAgain(seq, body.media_key, event.sender_id, event.client_msg_id);
  }
  effect({ store, restores, place }, type, body, { seq, sender_id: event.sender_id, target_seq, erased });
  return { seq, msg_no, msg_id };
}

function checkedBody(event: RestoreEvent, end: End): EventBody {
  const { seq, type } = event;
  if (seq !== end.seq + 1) throw new WrongEvent(`seq ${seq} does not follow ${end.seq}`);
  if (event.msg_id <= end.msg_id) throw new WrongEvent(`the msg_id of seq ${seq} does not increase`);
  const parsed = v.safeParse(EVENT_BODIES[type], parse(event.body));
  if (!parsed.success || canonicalJson(parse(event.body)) !== event.body) throw new WrongEvent(`seq ${seq} is no ${type}`);
  // What a deletion took has left a hash that nothing has any more: under it nothing else may come in.
  if (event.salt === ERASED_SALT && "content" in parsed.output && parsed.output.content !== "") throw new WrongEvent(`seq ${seq} is erased, and has content`);
  if (event.salt === ERASED_SALT && "media_key" in parsed.output) throw new WrongEvent(`seq ${seq} is erased, and has a file`);
  if (event.salt !== ERASED_SALT && sha256Hex(Buffer.from(event.salt, "hex"), event.body) !== event.content_hash) {
    throw new WrongEvent(`the content of seq ${seq} does not have its hash`);
  }
  return parsed.output;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No schema takes it.
    return undefined;
  }
}

function targetOf(store: ConversationStore, seq: number, body: EventBody): number | null {
  if ("target_seq" in body) return body.target_seq;
  const answered = "reply_to" in body ? body.reply_to : undefined;
  if (answered === undefined) return null;
  const found = bisect(1, seq - 1, (at) => (store.readMsgId(at) as string) >= answered);
  return store.readMsgId(found) === answered ? found : null;
}

function effect({ store, restores, place }: Replaying, type: EventType, body: EventBody, event: { seq: number; sender_id: string; target_seq: number | null; erased: boolean }): void {
  const { messages } = store;
  const { seq, target_seq } = event;
  if (type === "msg" && target_seq !== null) messages.commitReply(target_seq, 1);
  if (type === "edit" && target_seq !== null) messages.commitEdited(target_seq, seq);
  if ("emoji" in body) {
    const reaction = { target_seq: body.target_seq, emoji: body.emoji, user_id: event.sender_id, seq };
    if (body.on) messages.commitReaction(reaction);
    else if (body.emoji !== "") messages.commitUnreacted(reaction);
    else if (!event.erased) takeAllBack(store, reaction);
  }
  if (type === "delete" && target_seq !== null) {
    const target = store.readEvent(target_seq) as EventRecord;
    commitErasure(store, place, target, seq);
  }
  if ("members" in body) for (const { user_id, role } of body.members) store.insertStay({ user_id, role, joined_seq: seq, left_seq: null });
  if (type === "member_added" && "role" in body && "user_id" in body) store.insertStay({ user_id: body.user_id, role: body.role, joined_seq: seq, left_seq: null });
  if (type === "member_role" && "role" in body && "user_id" in body) restores.commitRole(body.user_id, body.role);
  if (type === "member_removed" && "user_id" in body) restores.commitEnded(body.user_id, seq);
}

/** What an erased person's reactions to a message end with: none of them stands, and of this event nothing is to be erased any more. */
function takeAllBack(store: ConversationStore, { target_seq, user_id, seq }: { target_seq: number; user_id: string; seq: number }): void {
  const senders = new SenderStore(store.sql);
  senders.commitUnreacted(target_seq, user_id);
  senders.commitNothingLeft(seq);
}
