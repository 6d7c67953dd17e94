// Calls of groups: what they are set to, invitations and bans. An actor of null is the service.
import type { History } from "../events.ts";
import type { ConversationDetail } from "../rest.ts";
import type { Ban, Invite, InviteMade } from "../rest/groups.ts";
import type { Result } from "../rpc.ts";

export interface ConfigureCall {
  actor_id: string;
  title?: string;
  history?: History;
}

export interface InviteCall {
  actor_id: string | null;
  expires_in_s: number;
  max_uses: number;
}

/** `secret`: what the token holds beside the conversation and the invitation. */
export interface JoinCall {
  user_id: string;
  invite_id: string;
  secret: string;
}

export interface BanCall {
  actor_id: string | null;
  user_id: string;
}

export interface GroupCalls {
  configure(call: ConfigureCall): Promise<Result<{ changed: boolean }>>;
  invite(call: InviteCall): Promise<Result<{ invite: InviteMade }>>;
  invites(call: { actor_id: string | null }): Promise<Result<{ invites: Invite[] }>>;
  revokeInvite(call: { actor_id: string | null; invite_id: string }): Promise<Result<object>>;
  /** Everything that is wrong with an invitation is `invite_invalid`. */
  join(call: JoinCall): Promise<Result<{ changed: boolean; conversation: ConversationDetail }>>;
  /** Removes who is a member, and keeps them out. */
  ban(call: BanCall): Promise<Result<{ changed: boolean }>>;
  unban(call: BanCall): Promise<Result<{ changed: boolean }>>;
  bans(call: { actor_id: string | null }): Promise<Result<{ bans: Ban[] }>>;
}

/** The first creation with a key decides its conversation, whatever else a later one with the same key asks for. */
export interface CreationCalls {
  claimCreation(call: { client_msg_id: string; conversation_id: string }): Promise<{ conversation_id: string }>;
}
