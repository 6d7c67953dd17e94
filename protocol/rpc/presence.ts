// Calls about who is there: from the session of somebody who looks to the sessions of those looked at, and back.
import type { HeartbeatProfile, Presence, PresenceStatus } from "../frames/presence.ts";
import type { DeliverReply, Result } from "../rpc.ts";

export interface PresenceAsk {
  asker_id: string;
  /** The asker has a direct conversation with the one who is asked … */
  direct: boolean;
  /** … else these are the asker's newest groups: one in common is enough. */
  groups: string[];
  /** The asker's device that wants to hear of changes, for PRESENCE_SUB_MS; null: this once. */
  device_id: string | null;
}

/** `at`: what is later is true. Strictly increasing within one user, ms. */
export interface PresenceTold extends Presence {
  at: number;
}

/** What the operator sees of a user's devices. Times in ms. */
export interface UserSessions {
  user_id: string;
  status: PresenceStatus;
  /** Last sign of any device; null for a user who never connected. */
  last_active: number | null;
  /** The object through which everything of this user's goes: the route. */
  object_id: string;
  devices: {
    /** The runtime instance that holds the object now. */
    server_id: string;
    device_id: string;
    profile: HeartbeatProfile;
    last_heartbeat: number;
    connected_at: number;
  }[];
}

export interface PresenceCalls {
  /** To the session of the one who is asked. Who shares no conversation gets OFFLINE and null, and is told nothing later. */
  presenceOf(ask: PresenceAsk): Promise<PresenceTold>;
  unwatch(call: { user_id: string; device_id: string }): Promise<void>;
  /** To the session of somebody who watches. `gone`: devices that are not connected any more. */
  presenceChanged(call: { told: PresenceTold; devices: string[] }): Promise<{ gone: string[] }>;
  /** A user's own query, over REST. */
  presenceQuery(call: { users: string[] }): Promise<Result<{ presence: Presence[] }>>;
  sessions(): Promise<Result<{ sessions: UserSessions }>>;
  /** To a member's session: for the devices that have the conversation open. */
  typingShown(shown: TypingShown): Promise<DeliverReply>;
}

/** What a viewer's session is told: who types, and who has stopped. */
export interface TypingShown {
  conversation_id: string;
  typing: { user_id: string; on: boolean }[];
}
