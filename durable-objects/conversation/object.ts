// The Conversation object: the only writer of a conversation's order. Never touches a socket. Every method decodes, decides,
// commits and only then acts; what is committed and not yet done is due by alarm.
import { DurableObject } from "cloudflare:workers";
import type { ArchiveAck, ArchiveAcked, ArchiveWrong, ArchiveWrongAnswer } from "../../protocol/archive.ts";
import type { ChainQuery, ChainState, EventLink, LinksQuery } from "../../protocol/chain-calls.ts";
import type { ConversationDetail, HistoryQuery } from "../../protocol/rest.ts";
import {
  type AppendCall, type AppendReply, type AttachCall, type ConversationCalls, type ConversationStats, type CreateCall,
  type EraseCall, type HistoryReply, type MemberCall, type Result, type Resumed, type ResumeCall, type ViewCall,
} from "../../protocol/rpc.ts";
import type { PeekCall, Settled } from "../../protocol/rpc/inbox.ts";
import type { MessageReceipt, ReceiptMarks, ReceiptsCall } from "../../protocol/rpc/receipts.ts";
import type { HeldMedia, HoldMediaCall, MediaWord, StandsCall } from "../../protocol/rpc/media.ts";
import type { SearchCall, SearchReply } from "../../protocol/rpc/search.ts";
import type { BlockCall } from "../../protocol/rpc/users.ts";
import type { Role } from "../../protocol/events.ts";
import type { Ban, Invite, InviteMade } from "../../protocol/rest/groups.ts";
import type { BanCall, ConfigureCall, InviteCall, JoinCall } from "../../protocol/rpc/groups.ts";
import type { EraseConversationCall, ErasedConversation } from "../../protocol/rpc/erasure.ts";
import type { ExportConversationCall, ExportedConversation } from "../../protocol/rpc/exports.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import type { EventsQuery, RestoreState, RestoreStep } from "../../protocol/restore-calls.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { deploymentJurisdiction, type Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { currentSettings, loadSettings } from "../settings/current.ts";
import { absentAnswer, appendTo, canBegin } from "./append.ts";
import { setBlock } from "./blocks.ts";
import type { ChangePorts } from "./changes.ts";
import { createDirect, createGroup, isSameCreation } from "./create.ts";
import { eraseTold } from "./erase.ts";
import { eraseStep } from "./erase-sender.ts";
import { exportPart } from "./exports.ts";
import { Groups } from "./groups.ts";
import { readHistory } from "./history.ts";
import { Life } from "./life.ts";
import { holdMedia, mayDownload, mediaWord } from "./media.ts";
import { type Changed, describe, putMember, removeMember } from "./members.ts";
import type { NewEvent } from "./records.ts";
import { findMessages } from "./search/find.ts";
import type { ConversationState } from "./state.ts";
import { statsOf } from "./stats.ts";
import { takeStep } from "./restore-steps.ts";
import type { Opened } from "./opened.ts";
import { filesKept } from "./opening.ts";
import { resumeMember } from "./resume.ts";
import { readUnsealed } from "./unsealed.ts";
import { ABSENT, NEEDS_RESTORE, refuseAppend } from "./unwell.ts";
import { readVersions } from "./versions.ts";

export class Conversation extends DurableObject<Env> implements ConversationCalls {
  private readonly life: Life;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.life = new Life(ctx, env);
    count("wakes_conversation");
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      await this.life.begin();
    });
  }

  append(call: AppendCall): Promise<AppendReply> {
    return this.appendAny(call);
  }

  async appendAny(call: AppendCall): Promise<AppendReply> {
    this.life.compare(call.conversation_id, call.known, "append");
    if (this.life.ill) return refuseAppend(call, this.life.unwell);
    if (this.life.opened === null) {
      if (call.create === null) return { kind: "absent" };
      if (!call.items.some(canBegin)) return { kind: "answers", answers: call.items.map(absentAnswer) };
      createDirect(this.life.store, call.conversation_id, call.create, deploymentJurisdiction(this.env));
    }
    const opened = this.life.opened ?? this.life.open(null);
    return appendTo(this.life.store, opened, call, this.changePorts(opened), Date.now());
  }

  appendMedia(call: AppendCall): Promise<AppendReply> {
    return this.appendAny(call);
  }

  async mayDownload(call: { user_id: string; media_key: string }): Promise<Result<{ msg_id: string }>> {
    return this.life.shown(call.user_id, (state, stay) => mayDownload(this.life.store, state, stay, call.media_key, filesKept(this.env)));
  }

  async holdMedia(call: HoldMediaCall): Promise<Result<HeldMedia>> {
    return this.life.asked(() => ({ ok: true, ...holdMedia(this.life.store, call) }));
  }

  async mediaStands(call: StandsCall): Promise<MediaWord> {
    return mediaWord(this.life.store, this.life.ill ? "ill" : this.life.opened === null ? "absent" : "there", call);
  }

  async erase(call: EraseCall): Promise<Result<{ changed: boolean }>> {
    return this.life.asked((opened) => eraseTold(this.life.store, opened, call.msg_id, this.changePorts(opened), Date.now()));
  }

  async eraseSender(call: EraseConversationCall): Promise<Result<ErasedConversation>> {
    return this.life.asked(async (opened) => ({ ok: true, ...(await eraseStep(this.ctx, this.life.store, opened, this.changePorts(opened), call)) }));
  }

  async exported(call: ExportConversationCall): Promise<Result<ExportedConversation>> {
    return this.life.asked(({ state }) => ({ ok: true, ...exportPart(this.life.store, state, call) }));
  }

  async create(call: CreateCall): Promise<Result<{ conversation: ConversationDetail; created: boolean }>> {
    if (this.life.opened !== null) {
      // The same creation again: its creator gets what there is, to anybody else it is absent.
      const { state } = this.life.opened;
      return isSameCreation(this.life.store, state, call) ? { ok: true, conversation: describe(this.life.store, state), created: false } : ABSENT;
    }
    if (this.life.ill) return NEEDS_RESTORE;
    createGroup(this.life.store, call, Date.now());
    const { state, fanout } = this.life.open(null);
    fanout.committed(this.life.store.readRange(1, state.head.seq, 1, "asc") as NewEvent[], null, true);
    return { ok: true, conversation: describe(this.life.store, state), created: true };
  }

  async putMember(call: MemberCall): Promise<Result<{ changed: boolean; role: Role }>> {
    const result = await this.change(call.actor_id, (state) => putMember(this.life.store, state, call, Date.now()));
    return result.ok ? { ...result, role: this.life.opened?.state.members.get(call.user_id)?.role ?? "member" } : result;
  }

  async removeMember(call: Omit<MemberCall, "role">): Promise<Result<{ changed: boolean }>> {
    return this.change(call.actor_id, (state) => removeMember(this.life.store, state, call, Date.now()));
  }

  async rename(call: { actor_id: string; title: string }): Promise<Result<{ title: string }>> {
    const result = await this.configure(call);
    return result.ok ? { ok: true, title: call.title } : result;
  }

  async configure(call: ConfigureCall): Promise<Result<{ changed: boolean }>> {
    return this.change(call.actor_id, (_state, groups) => groups.configure(call, Date.now()));
  }

  async invite(call: InviteCall): Promise<Result<{ invite: InviteMade }>> {
    return this.life.opened?.groups.invite(call, Date.now()) ?? this.life.absentTo(call.actor_id);
  }

  async invites(call: { actor_id: string | null }): Promise<Result<{ invites: Invite[] }>> {
    return this.life.opened?.groups.invites(call.actor_id, Date.now()) ?? this.life.absentTo(call.actor_id);
  }

  async revokeInvite(call: { actor_id: string | null; invite_id: string }): Promise<Result<object>> {
    return this.life.opened?.groups.revokeInvite(call.actor_id, call.invite_id) ?? this.life.absentTo(call.actor_id);
  }

  async join(call: JoinCall): Promise<Result<{ changed: boolean; conversation: ConversationDetail }>> {
    // Also where it waits to be restored, which brings no invitation back.
    if (this.life.opened === null) return { ok: false, code: "invite_invalid" };
    const result = await this.change(call.user_id, (_state, groups) => groups.join(call, Date.now()));
    return result.ok ? { ...result, conversation: describe(this.life.store, this.life.opened.state) } : result;
  }

  async ban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    const known = this.life.opened?.state.banned.has(call.user_id);
    const result = await this.change(call.actor_id, (_state, groups) => groups.ban(call, Date.now()));
    return result.ok ? { ok: true, changed: result.changed || known === false } : result;
  }

  async unban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    return this.life.opened?.groups.unban(call) ?? this.life.absentTo(call.actor_id);
  }

  async bans(call: { actor_id: string | null }): Promise<Result<{ bans: Ban[] }>> {
    return this.life.opened?.groups.bans(call.actor_id) ?? this.life.absentTo(call.actor_id);
  }

  async describe(call: { user_id: string }): Promise<Result<{ conversation: ConversationDetail }>> {
    return this.life.shown(call.user_id, (state) => ({ ok: true, conversation: describe(this.life.store, state) }));
  }

  async history(call: { user_id: string; query: HistoryQuery; text?: true }): Promise<Result<{ page: HistoryReply }>> {
    return this.life.shown(call.user_id, (state, stay) => readHistory(this.life.store, state, stay, call.query, filesKept(this.env), call.text));
  }

  async versions(call: { user_id: string; msg_id: string }): Promise<Result<{ page: HistoryReply }>> {
    return this.life.shown(call.user_id, (state, stay) => readVersions(this.life.store, state, stay, call.msg_id));
  }

  async search(call: SearchCall): Promise<Result<SearchReply>> {
    return this.life.member(call.user_id, ({ state, indexing, tasks }, stay) => {
      const found = findMessages(this.life.store, state, indexing, stay, call);
      tasks.arm(Date.now());
      return found;
    });
  }

  async receipts(call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }>> {
    return this.life.member(call.user_id, ({ receipts }, stay) => receipts.take(stay, call));
  }

  async messageReceipts(call: { user_id: string; msg_id: string }): Promise<Result<{ receipts: MessageReceipt[] }>> {
    return this.life.member(call.user_id, ({ receipts }, stay) => receipts.ofMessage(stay, call.msg_id));
  }

  async resume(call: ResumeCall): Promise<Result<Resumed>> {
    this.life.compare(call.conversation_id, call.known, "resume");
    return this.life.member(call.user_id, (opened, stay) => resumeMember(this.life.store, opened, stay, call));
  }

  async attach(call: AttachCall): Promise<void> {
    if (this.life.opened?.state.members.has(call.user_id)) this.life.opened.fanout.attach(call);
  }

  async peek(call: PeekCall): Promise<Result<{ settled: Settled }>> {
    this.life.compare(call.conversation_id, call.known, "peek");
    return this.life.member(call.user_id, ({ fanout }, stay) => ({ ok: true, settled: fanout.peek(stay, call.settled_seq) }));
  }

  async view(call: ViewCall): Promise<Result<{ mode: FanoutMode; head: Head }>> {
    if (this.life.opened === null || !this.life.opened.state.members.has(call.user_id)) return this.life.absentTo(call.user_id);
    const { fanout, state: { record, head } } = this.life.opened;
    fanout.view(call);
    return { ok: true, mode: record.mode, head: { conversation_id: record.conversation_id, epoch: record.epoch, head_seq: head.seq } };
  }

  async block(call: BlockCall): Promise<{ exists: boolean }> {
    // The caller tells it again until it is taken.
    if (this.life.ill) throw new Error("the conversation waits to be restored");
    if (this.life.opened !== null) setBlock(this.life.opened.state, call, Date.now());
    return { exists: this.life.opened !== null };
  }

  async typing(call: { user_id: string; on: boolean }): Promise<Result<object>> {
    return this.life.member(call.user_id, ({ typing }) => {
      typing.take(call.user_id, call.on);
      return { ok: true };
    });
  }

  async archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>> {
    this.life.compare(ack.conversation_id, { epoch: ack.epoch, seq: ack.to_seq }, "archive");
    return this.life.asked(({ sealing, receipts, tasks }) => {
      const result = sealing.acknowledged(ack);
      tasks.arm(Date.now());
      return result.ok ? { ...result, receipts: receipts.handOver.after(ack) } : result;
    });
  }

  async segmentWrong(report: ArchiveWrong): Promise<Result<ArchiveWrongAnswer>> {
    return this.life.asked(({ sealing, tasks }) => {
      const result = sealing.reportedWrong(report);
      tasks.arm(Date.now());
      return result;
    });
  }

  async restore(step: RestoreStep): Promise<Result<{ restore: RestoreState }>> {
    return takeStep(step, {
      store: () => this.life.store, own: () => this.life.own(), close: () => this.life.halt(false), revive: () => this.life.revive(),
      compare: (known) => this.life.opened !== null && this.life.compare(step.conversation_id, known, "archive"),
      knownBy: (userId) => this.life.through(userId, (stub) => stub.knownHead({ conversation_id: step.conversation_id })),
      settings: () => currentSettings(this.env), now: Date.now,
    });
  }

  async unsealed({ from }: EventsQuery): Promise<Result<{ events: SegmentEvent[] }>> {
    const state = this.life.readable;
    return state === null ? this.life.absentTo(null) : { ok: true, events: readUnsealed(this.life.store, state, from) };
  }

  async chain(query: ChainQuery): Promise<Result<{ chain: ChainState }>> {
    return this.life.asked(({ sealing }) => ({ ok: true, chain: sealing.chain.read(query) }));
  }

  async links({ from, to }: LinksQuery): Promise<Result<{ links: EventLink[] }>> {
    return this.life.asked(({ sealing }) => ({ ok: true, links: sealing.chain.links(from, to) }));
  }

  async stats(): Promise<Result<{ stats: ConversationStats }>> {
    return this.life.asked((opened) => ({ ok: true, stats: statsOf(opened, Date.now()) }));
  }

  override async alarm(): Promise<void> {
    await this.life.opened?.tasks.fired(() => Date.now());
  }

  private changePorts({ sealing, indexing }: Opened): ChangePorts {
    return {
      settings: () => currentSettings(this.env),
      erased: (seqs) => {
        sealing.erased(seqs);
        indexing.forget(seqs);
      },
    };
  }

  /** The change itself in the turn of the call. */
  private async change(actor: string | null, decide: (state: ConversationState, groups: Groups) => Changed): Promise<Result<{ changed: boolean }>> {
    if (this.life.opened === null) return this.life.absentTo(actor);
    const result = decide(this.life.opened.state, this.life.opened.groups);
    if (!result.ok) return result;
    const changed = result.events.length > 0;
    if (changed) this.life.opened.fanout.committed(result.events, null, true);
    return { ok: true, changed };
  }
}
