// What the archiver's audit asks of a conversation, over the service API and between Worker and object.
import * as v from "valibot";
import { EVENT_TYPES } from "./events.ts";
import { ConversationId } from "./ids.ts";

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** `POST /internal/archive/chain`: where the conversation stands, and its chain's checkpoints above `after`, ascending. */
export const ChainQuery = v.object({ conversation_id: ConversationId, after: Seq });
export type ChainQuery = v.InferOutput<typeof ChainQuery>;

export const ChainState = v.object({
  epoch: Seq,
  head_seq: Seq,
  archived_seq: Seq,
  /** The chain reaches up to here. */
  chained_seq: Seq,
  /** Not all there are: ask on from the last one until none comes. */
  checkpoints: v.array(v.object({ seq: Seq, chain: Hash })),
});
export type ChainState = v.InferOutput<typeof ChainState>;

/** `POST /internal/archive/links`: what the object keeps of each event for life. From `from` on, not all up to `to` at once. */
export const LinksQuery = v.object({ conversation_id: ConversationId, from: Seq, to: Seq });
export type LinksQuery = v.InferOutput<typeof LinksQuery>;

export const EventLink = v.object({
  seq: Seq,
  msg_id: v.string(),
  content_hash: Hash,
  type: v.picklist(EVENT_TYPES),
  sender_id: v.string(),
  client_msg_id: v.nullable(v.string()),
  msg_no: v.nullable(Seq),
  /** A deletion has taken its content. */
  erased: v.boolean(),
});
export type EventLink = v.InferOutput<typeof EventLink>;
export const EventLinks = v.object({ links: v.array(EventLink) });
