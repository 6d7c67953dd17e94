// What a group is set to, who may come in by a link, and who is kept out.
import { decideBan, decideJoin } from "../../domain/invites.ts";
import { decideManage, type Stay } from "../../domain/membership.ts";
import { formatInviteToken } from "../../protocol/invite-token.ts";
import { type Ban, type Invite, type InviteMade, INVITES } from "../../protocol/rest/groups.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { BanCall, ConfigureCall, InviteCall, JoinCall } from "../../protocol/rpc/groups.ts";
import { randomBytes, sameHash, sha256Hex, toHex } from "../platform/hash.ts";
import { type Changed, commitChanges, question, removeMember } from "./members.ts";
import type { NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { type InviteRecord, InvitesStore } from "./store/invites.ts";

const SERVICE = "service";

export class Groups {
  private readonly store: ConversationStore;
  private readonly rows: InvitesStore;
  private readonly state: ConversationState;

  constructor(store: ConversationStore, state: ConversationState) {
    this.store = store;
    this.rows = new InvitesStore(store.sql);
    this.state = state;
  }

  /** Title and settings: an event for each kind of change, in one commit. */
  configure(call: ConfigureCall, now: number): Changed {
    const { record } = this.state;
    const refused = this.mayManage(call.actor_id);
    if (refused !== null) return refused;
    const draft = new EventDraft(this.state.head, now);
    const from = { sender_id: call.actor_id, client_msg_id: null, device_id: null, content_type: null };
    const { title = record.title, history = record.history } = call;
    if (title !== null && title !== record.title) draft.add("title", { title }, from);
    if (history !== record.history) draft.add("settings", { changes: { history } }, from);
    if (draft.events.length > 0) this.commit(draft.events, title, history);
    return { ok: true, events: draft.events };
  }

  private commit(events: readonly NewEvent[], title: string | null, history: "joined" | "all"): void {
    this.store.commitSettings({ title, history }, events);
    this.state.advance(events);
    Object.assign(this.state.record, { title, history });
  }

  invite(call: InviteCall, now: number): Result<{ invite: InviteMade }> {
    const refused = this.mayManage(call.actor_id);
    if (refused !== null) return refused;
    if (this.rows.readStanding(now).length >= INVITES) return { ok: false, code: "bad_request", message: `${INVITES} invitations stand already` };
    const [invite_id, secret] = [toHex(randomBytes(8)), toHex(randomBytes(16))];
    const made: InviteRecord = {
      invite_id, token_hash: sha256Hex(secret), created_by: call.actor_id ?? SERVICE, created_at: now,
      expires_at: now + call.expires_in_s * 1_000, uses_left: call.max_uses,
    };
    this.rows.commitMade(made);
    const token = formatInviteToken({ conversation_id: this.state.record.conversation_id, invite_id, secret });
    return { ok: true, invite: { ...shown(made), token } };
  }

  invites(actorId: string | null, now: number): Result<{ invites: Invite[] }> {
    return this.mayManage(actorId) ?? { ok: true, invites: this.rows.readStanding(now).map(shown) };
  }

  revokeInvite(actorId: string | null, inviteId: string): Result<object> {
    const refused = this.mayManage(actorId);
    if (refused !== null) return refused;
    if (this.rows.read(inviteId) === null) return { ok: false, code: "not_found" };
    this.rows.commitRevoked(inviteId);
    return { ok: true };
  }

  join(call: JoinCall, now: number): Changed {
    const invite = this.rows.read(call.invite_id);
    const hash = sha256Hex(call.secret);
    const invitation = invite === null ? null : {
      valid: sameHash(hash, invite.token_hash), expires_at: invite.expires_at,
      creator: invite.created_by === SERVICE ? SERVICE : this.member(invite.created_by),
    } as const;
    const decision = decideJoin(question(this.state, { actor_id: null, user_id: call.user_id }), invitation, now);
    if (decision.kind === "refused") return { ok: false, code: decision.code };
    if (decision.kind === "unchanged") return { ok: true, events: [] };
    // In the turn of the event's commit: nobody joins without a use, and no use is lost.
    this.rows.commitUsed(invite as InviteRecord);
    return commitChanges(this.store, this.state, call.user_id, [{ kind: "add", user_id: call.user_id, role: "member" }], now);
  }

  ban(call: BanCall, now: number): Changed {
    const decision = decideBan(question(this.state, call));
    if (decision.kind === "refused") return { ok: false, code: decision.code };
    if (decision.kind === "unchanged") return { ok: true, events: [] };
    this.state.bans.commitBan(call.user_id, call.actor_id ?? SERVICE, now);
    this.state.banned.add(call.user_id);
    return decision.kind === "remove" ? removeMember(this.store, this.state, call, now) : { ok: true, events: [] };
  }

  unban(call: BanCall): Result<{ changed: boolean }> {
    const refused = this.mayManage(call.actor_id);
    if (refused !== null) return refused;
    const changed = this.state.banned.delete(call.user_id);
    if (changed) this.state.bans.commitUnbanned(call.user_id);
    return { ok: true, changed };
  }

  bans(actorId: string | null): Result<{ bans: Ban[] }> {
    return this.mayManage(actorId) ?? { ok: true, bans: this.state.bans.readRows() };
  }

  private member(userId: string): Stay | null {
    return this.state.members.get(userId) ?? null;
  }

  /** null: they may. */
  private mayManage(actorId: string | null): { ok: false; code: "not_found" | "forbidden" } | null {
    const decision = decideManage(actorId === null ? SERVICE : this.member(actorId), this.state.record.kind === "direct");
    return decision.kind === "refused" ? { ok: false, code: decision.code as "not_found" | "forbidden" } : null;
  }
}

function shown({ token_hash: _hash, ...invite }: InviteRecord): Invite {
  return invite;
}
