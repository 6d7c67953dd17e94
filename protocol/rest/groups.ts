// Invitations to groups and bans from them, over REST.
import * as v from "valibot";
import { GROUP_MEMBERS } from "../limits.ts";

/** The longest and the usual life of an invitation, s. */
export const INVITE_LIFE_S = 30 * 86_400;
const INVITE_USUAL_S = 7 * 86_400;
/** Invitations of a group that stand at once. */
export const INVITES = 100;
/** How many may join by one, unless it says otherwise. */
const INVITE_USUAL_USES = 100;

/** `POST /v1/conversations/{id}/invites` */
export const InviteBody = v.object({
  expires_in_s: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(INVITE_LIFE_S)), INVITE_USUAL_S),
  max_uses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(GROUP_MEMBERS)), INVITE_USUAL_USES),
});
export type InviteBody = v.InferOutput<typeof InviteBody>;

/** Times in ms. */
export interface Invite {
  invite_id: string;
  created_by: string;
  created_at: number;
  expires_at: number;
  uses_left: number;
}

/** `token` is told this once: what is kept is its hash. */
export interface InviteMade extends Invite {
  token: string;
}

export interface Ban {
  user_id: string;
  by: string;
  at: number;
}
