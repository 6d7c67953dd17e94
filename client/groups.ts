// Invitations to groups and bans from them, history for new members: what owners and admins do.
import * as v from "valibot";
import type { ConversationDetail } from "../protocol/rest.ts";
import type { Ban, Invite, InviteMade } from "../protocol/rest/groups.ts";
import { AnyAnswer, DetailAnswer } from "./answers.ts";
import type { Rest } from "./rest.ts";

const invite = { invite_id: v.string(), created_by: v.string(), created_at: v.number(), expires_at: v.number(), uses_left: v.number() };
const MadeAnswer: v.GenericSchema<unknown, InviteMade> = v.object({ ...invite, token: v.string() });
const InvitesAnswer: v.GenericSchema<unknown, { invites: Invite[] }> = v.object({ invites: v.array(v.object(invite)) });
const BansAnswer: v.GenericSchema<unknown, { bans: Ban[] }> = v.object({ bans: v.array(v.object({ user_id: v.string(), by: v.string(), at: v.number() })) });

const placeOf = (conversation_id: string, area: string, id?: string) =>
  `/v1/conversations/${encodeURIComponent(conversation_id)}/${area}${id === undefined ? "" : `/${encodeURIComponent(id)}`}`;

export class Groups {
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /** Whoever has the `token` may join, until it expires or was used so often. It is told this once. */
  invite(conversation_id: string, terms: { expires_in_s?: number; max_uses?: number } = {}): Promise<InviteMade> {
    return this.#rest.call({ method: "POST", path: placeOf(conversation_id, "invites"), body: terms, answer: MadeAnswer });
  }

  /** Those that stand. */
  async invites(conversation_id: string): Promise<Invite[]> {
    return (await this.#rest.call({ method: "GET", path: placeOf(conversation_id, "invites"), answer: InvitesAnswer })).invites;
  }

  async withdraw(conversation_id: string, invite_id: string): Promise<void> {
    await this.#rest.call({ method: "DELETE", path: placeOf(conversation_id, "invites", invite_id), answer: AnyAnswer });
  }

  /** Rejects with `invite_invalid`, whatever the reason. */
  join(token: string): Promise<ConversationDetail> {
    return this.#rest.call({ method: "POST", path: `/v1/invites/${encodeURIComponent(token)}`, answer: DetailAnswer });
  }

  async bans(conversation_id: string): Promise<Ban[]> {
    return (await this.#rest.call({ method: "GET", path: placeOf(conversation_id, "bans"), answer: BansAnswer })).bans;
  }

  /** Removes a member and keeps them out, until it is lifted. */
  async ban(conversation_id: string, user_id: string, on: boolean): Promise<void> {
    await this.#rest.call({ method: on ? "PUT" : "DELETE", path: placeOf(conversation_id, "bans", user_id), answer: AnyAnswer });
  }

  /** What new members see of what was there before them. */
  async history(conversation_id: string, history: "joined" | "all"): Promise<void> {
    await this.#rest.call({ method: "PATCH", path: `/v1/conversations/${encodeURIComponent(conversation_id)}`, body: { history }, answer: AnyAnswer });
  }
}
