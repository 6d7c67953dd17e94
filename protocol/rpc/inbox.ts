// Calls of the inbox, of long polls and of the push queue.
import type { DecodedFrame } from "../codec-json.ts";
import type { ConversationRow } from "../frames/inbox.ts";
import type { ChangedConversations, ConversationList, DeviceBody, InboxPatch, QueuedPush, RegisteredDevice } from "../rest/inbox.ts";
import type { KnownHead } from "../restore-calls.ts";
import type { Claims, DeliverCall, Result } from "../rpc.ts";

/** What a settle says of the conversation to one member. */
export type Settled = Omit<DeliverCall, "events" | "own" | "settle">;

/** The settle that a member would get now: for a row that may be behind. Moves nothing. */
export interface PeekCall {
  user_id: string;
  /** What the member's row has. */
  settled_seq: number;
  conversation_id?: string;
  /** The same with its epoch. */
  known?: KnownHead | null;
}

/** Something that the user may have to be told of although no settle says so: in a conversation without settles. */
export interface PushCall {
  conversation_id: string;
  seq: number;
  /** The newest that is worth it. Absent: `seq`. */
  to_seq?: number;
  /** Who has written what is new. Absent: not known. */
  senders?: string[];
}

/** `text`: the JSON of the answer; of a poll `{frames, user_seq}`. */
export interface PollReply {
  text: string;
}

export interface PollCall {
  claims: Claims;
  /** null: the one that all polls without a name share */
  device_id: string | null;
  user_seq: number;
  /** ms */
  wait: number;
}

/** Frames that come as one request. The answer is the JSON `{frames}`. */
export interface FramesCall {
  claims: Claims;
  /** null: of the one that has no name */
  device_id: string | null;
  frames: DecodedFrame[];
}

export interface InboxCalls {
  conversations(call: { cursor: string | null; limit: number; archived?: boolean }): Promise<Result<{ list: ConversationList }>>;
  changes(call: { since: number }): Promise<Result<{ changed: ChangedConversations }>>;
  poll(call: PollCall): Promise<Result<PollReply>>;
  frames(call: FramesCall): Promise<Result<PollReply>>;
  push(call: PushCall): Promise<void>;
  /** `not_found`: nobody has registered this user. */
  pushes(): Promise<Result<{ pushes: QueuedPush[] }>>;
  putDevice(call: { device_id: string; body: DeviceBody }): Promise<Result<{ device: RegisteredDevice }>>;
  deleteDevice(call: { device_id: string }): Promise<Result<object>>;
  listDevices(): Promise<Result<{ devices: RegisteredDevice[] }>>;
  patchInbox(call: { conversation_id: string; patch: InboxPatch }): Promise<Result<{ conversation: ConversationRow }>>;
}

