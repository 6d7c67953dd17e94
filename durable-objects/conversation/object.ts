// The Conversation object: the only writer of a conversation's order. Never touches a socket. Every method decodes, decides,
// commits and only then acts; what is committed and not yet done is due by alarm.
import { DurableObject } from "cloudflare:workers";
import { errorFields, log } from "../../log/log.ts";
import type { ArchiveAck, ArchiveAcked, ArchiveWrong, ArchiveWrongAnswer } from "../../protocol/archive.ts";
import type { ChainQuery, ChainState, EventLink, LinksQuery } from "../../protocol/chain-calls.ts";
import type { ConversationDetail, HistoryQuery } from "../../protocol/rest.ts";
import {
  type AppendCall, type AppendReply, type AttachCall, type ConversationCalls, type ConversationStats, type CreateCall,
  type EraseCall, type HistoryReply, type MemberCall, type Refusal, type Result, type Resumed, type ResumeCall, type ViewCall,
} from "../../protocol/rpc.ts";
import type { PeekCall, Settled } from "../../protocol/rpc/inbox.ts";
import type { MessageReceipt, ReceiptMarks, ReceiptsCall } from "../../protocol/rpc/receipts.ts";
import type { HeldMedia, HoldMediaCall, MediaWord, StandsCall } from "../../protocol/rpc/media.ts";
import type { SearchCall, SearchReply } from "../../protocol/rpc/search.ts";
import type { BlockCall } from "../../protocol/rpc/users.ts";
import type { Stay } from "../../domain/membership.ts";
import type { Role } from "../../protocol/events.ts";
import type { Ban, Invite, InviteMade } from "../../protocol/rest/groups.ts";
import type { BanCall, ConfigureCall, InviteCall, JoinCall } from "../../protocol/rpc/groups.ts";
import type { EraseConversationCall, ErasedConversation } from "../../protocol/rpc/erasure.ts";
import type { ExportConversationCall, ExportedConversation } from "../../protocol/rpc/exports.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import type { EventsQuery, KnownHead, RestoreState, RestoreStep } from "../../protocol/restore-calls.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { mortalSql } from "../platform/mortal-sql.ts";
import type { Sql } from "../platform/sql.ts";
import { deploymentJurisdiction, type Env, sessionOf } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
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
import { holdMedia, mayDownload, mediaWord } from "./media.ts";
import { type Changed, describe, putMember, removeMember } from "./members.ts";
import type { NewEvent } from "./records.ts";
import { findMessages } from "./search/find.ts";
import { ConversationState } from "./state.ts";
import { ConversationStore } from "./store.ts";
import { statsOf } from "./stats.ts";
import { takeStep } from "./restore-steps.ts";
import { isDoubted, Restoring } from "./restoring.ts";
import type { Opened } from "./opened.ts";
import { filesKept, openConversation } from "./opening.ts";
import { resumeMember } from "./resume.ts";
import { readUnsealed } from "./unsealed.ts";
import { ABSENT, absentTo, NEEDS_RESTORE, refuseAppend, type UnwellPorts } from "./unwell.ts";
import { readVersions } from "./versions.ts";

export class Conversation extends DurableObject<Env> implements ConversationCalls {
  private readonly sql: Sql;
  private store: ConversationStore;
  /** Ends when the storage turns out to be of no use, or is emptied to be restored: what is under way then commits no more. */
  private life = 0;
  /** Of a conversation whose storage was rolled back: what is there is read, and nothing is written. */
  private halted: ConversationState | null = null;
  private ill = false;
  private readonly stubs = new Map<string, ReturnType<typeof sessionOf>>();
  private opened: Opened | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.sql = objectSql(ctx.storage, (rows) => count("rows_written", rows));
    this.store = this.born();
    count("wakes_conversation");
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      if (!this.store.exists()) return;
      this.store.migrate();
      const restore = new Restoring(this.store).read();
      if (restore === null || restore.state === "restored") this.open(await ctx.storage.getAlarm());
      else this.halt(restore.state === "needed");
    });
  }

  append(call: AppendCall): Promise<AppendReply> {
    return this.appendAny(call);
  }

  async appendAny(call: AppendCall): Promise<AppendReply> {
    this.compare(call.conversation_id, call.known, "append");
    if (this.ill) return refuseAppend(call, this.unwell);
    if (this.opened === null) {
      if (call.create === null) return { kind: "absent" };
      if (!call.items.some(canBegin)) return { kind: "answers", answers: call.items.map(absentAnswer) };
      createDirect(this.store, call.conversation_id, call.create, deploymentJurisdiction(this.env));
    }
    const opened = this.opened ?? this.open(null);
    return appendTo(this.store, opened, call, this.changePorts(opened), Date.now());
  }

  appendMedia(call: AppendCall): Promise<AppendReply> {
    return this.appendAny(call);
  }

  async mayDownload(call: { user_id: string; media_key: string }): Promise<Result<{ msg_id: string }>> {
    return this.shown(call.user_id, (state, stay) => mayDownload(this.store, state, stay, call.media_key, filesKept(this.env)));
  }

  async holdMedia(call: HoldMediaCall): Promise<Result<HeldMedia>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, ...holdMedia(this.store, call) };
  }

  async mediaStands(call: StandsCall): Promise<MediaWord> {
    return mediaWord(this.store, this.ill ? "ill" : this.opened === null ? "absent" : "there", call);
  }

  async erase(call: EraseCall): Promise<Result<{ changed: boolean }>> {
    if (this.opened === null) return this.absentTo(null);
    return eraseTold(this.store, this.opened, call.msg_id, this.changePorts(this.opened), Date.now());
  }

  async eraseSender(call: EraseConversationCall): Promise<Result<ErasedConversation>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, ...(await eraseStep(this.ctx, this.store, this.opened, this.changePorts(this.opened), call)) };
  }

  async exported(call: ExportConversationCall): Promise<Result<ExportedConversation>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, ...exportPart(this.store, this.opened.state, call) };
  }

  async create(call: CreateCall): Promise<Result<{ conversation: ConversationDetail; created: boolean }>> {
    if (this.opened !== null) {
      // The same creation again: its creator gets what there is, to anybody else it is absent.
      const { state } = this.opened;
      return isSameCreation(this.store, state, call) ? { ok: true, conversation: describe(this.store, state), created: false } : ABSENT;
    }
    if (this.ill) return NEEDS_RESTORE;
    createGroup(this.store, call, Date.now());
    const { state, fanout } = this.open(null);
    fanout.committed(this.store.readRange(1, state.head.seq, 1, "asc") as NewEvent[], null, true);
    return { ok: true, conversation: describe(this.store, state), created: true };
  }

  async putMember(call: MemberCall): Promise<Result<{ changed: boolean; role: Role }>> {
    const result = await this.change(call.actor_id, (state) => putMember(this.store, state, call, Date.now()));
    return result.ok ? { ...result, role: this.opened?.state.members.get(call.user_id)?.role ?? "member" } : result;
  }

  async removeMember(call: Omit<MemberCall, "role">): Promise<Result<{ changed: boolean }>> {
    return this.change(call.actor_id, (state) => removeMember(this.store, state, call, Date.now()));
  }

  async rename(call: { actor_id: string; title: string }): Promise<Result<{ title: string }>> {
    const result = await this.configure(call);
    return result.ok ? { ok: true, title: call.title } : result;
  }

  async configure(call: ConfigureCall): Promise<Result<{ changed: boolean }>> {
    return this.change(call.actor_id, (_state, groups) => groups.configure(call, Date.now()));
  }

  async invite(call: InviteCall): Promise<Result<{ invite: InviteMade }>> {
    return this.opened?.groups.invite(call, Date.now()) ?? this.absentTo(call.actor_id);
  }

  async invites(call: { actor_id: string | null }): Promise<Result<{ invites: Invite[] }>> {
    return this.opened?.groups.invites(call.actor_id, Date.now()) ?? this.absentTo(call.actor_id);
  }

  async revokeInvite(call: { actor_id: string | null; invite_id: string }): Promise<Result<object>> {
    return this.opened?.groups.revokeInvite(call.actor_id, call.invite_id) ?? this.absentTo(call.actor_id);
  }

  async join(call: JoinCall): Promise<Result<{ changed: boolean; conversation: ConversationDetail }>> {
    // Also where it waits to be restored, which brings no invitation back.
    if (this.opened === null) return { ok: false, code: "invite_invalid" };
    const result = await this.change(call.user_id, (_state, groups) => groups.join(call, Date.now()));
    return result.ok ? { ...result, conversation: describe(this.store, this.opened.state) } : result;
  }

  async ban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    const known = this.opened?.state.banned.has(call.user_id);
    const result = await this.change(call.actor_id, (_state, groups) => groups.ban(call, Date.now()));
    return result.ok ? { ok: true, changed: result.changed || known === false } : result;
  }

  async unban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    return this.opened?.groups.unban(call) ?? this.absentTo(call.actor_id);
  }

  async bans(call: { actor_id: string | null }): Promise<Result<{ bans: Ban[] }>> {
    return this.opened?.groups.bans(call.actor_id) ?? this.absentTo(call.actor_id);
  }

  async describe(call: { user_id: string }): Promise<Result<{ conversation: ConversationDetail }>> {
    return this.shown(call.user_id, (state) => ({ ok: true, conversation: describe(this.store, state) }));
  }

  async history(call: { user_id: string; query: HistoryQuery }): Promise<Result<{ page: HistoryReply }>> {
    return this.shown(call.user_id, (state, stay) => readHistory(this.store, state, stay, call.query, filesKept(this.env)));
  }

  async versions(call: { user_id: string; msg_id: string }): Promise<Result<{ page: HistoryReply }>> {
    return this.shown(call.user_id, (state, stay) => readVersions(this.store, state, stay, call.msg_id));
  }

  async search(call: SearchCall): Promise<Result<SearchReply>> {
    return this.member(call.user_id, ({ state, indexing, tasks }, stay) => {
      const found = findMessages(this.store, state, indexing, stay, call);
      tasks.arm(Date.now());
      return found;
    });
  }

  async receipts(call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }>> {
    return this.member(call.user_id, ({ receipts }, stay) => receipts.take(stay, call));
  }

  async messageReceipts(call: { user_id: string; msg_id: string }): Promise<Result<{ receipts: MessageReceipt[] }>> {
    return this.member(call.user_id, ({ receipts }, stay) => receipts.ofMessage(stay, call.msg_id));
  }

  async resume(call: ResumeCall): Promise<Result<Resumed>> {
    this.compare(call.conversation_id, call.known, "resume");
    return this.member(call.user_id, (opened, stay) => resumeMember(this.store, opened, stay, call));
  }

  async attach(call: AttachCall): Promise<void> {
    if (this.opened?.state.members.has(call.user_id)) this.opened.fanout.attach(call);
  }

  async peek(call: PeekCall): Promise<Result<{ settled: Settled }>> {
    this.compare(call.conversation_id, call.known, "peek");
    return this.member(call.user_id, ({ fanout }, stay) => ({ ok: true, settled: fanout.peek(stay, call.settled_seq) }));
  }

  async view(call: ViewCall): Promise<Result<{ mode: FanoutMode; head: Head }>> {
    if (this.opened === null || !this.opened.state.members.has(call.user_id)) return this.absentTo(call.user_id);
    const { fanout, state: { record, head } } = this.opened;
    fanout.view(call);
    return { ok: true, mode: record.mode, head: { conversation_id: record.conversation_id, epoch: record.epoch, head_seq: head.seq } };
  }

  async block(call: BlockCall): Promise<{ exists: boolean }> {
    // The caller tells it again until it is taken.
    if (this.ill) throw new Error("the conversation waits to be restored");
    if (this.opened !== null) setBlock(this.opened.state, call, Date.now());
    return { exists: this.opened !== null };
  }

  async typing(call: { user_id: string; on: boolean }): Promise<Result<object>> {
    return this.member(call.user_id, ({ typing }) => {
      typing.take(call.user_id, call.on);
      return { ok: true };
    });
  }

  async archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>> {
    this.compare(ack.conversation_id, { epoch: ack.epoch, seq: ack.to_seq }, "archive");
    if (this.opened === null) return this.absentTo(null);
    const result = this.opened.sealing.acknowledged(ack);
    this.opened.tasks.arm(Date.now());
    return result.ok ? { ...result, receipts: this.opened.receipts.handOver.after(ack) } : result;
  }

  async segmentWrong(report: ArchiveWrong): Promise<Result<ArchiveWrongAnswer>> {
    if (this.opened === null) return this.absentTo(null);
    const result = this.opened.sealing.reportedWrong(report);
    this.opened.tasks.arm(Date.now());
    return result;
  }

  async restore(step: RestoreStep): Promise<Result<{ restore: RestoreState }>> {
    return takeStep(step, {
      store: () => this.store, own: () => this.own(), close: () => this.halt(false), revive: () => this.revive(),
      compare: (known) => this.opened !== null && this.compare(step.conversation_id, known, "archive"),
      knownBy: (userId) => this.through(userId, (stub) => stub.knownHead({ conversation_id: step.conversation_id })),
      settings: () => currentSettings(this.env), now: Date.now,
    });
  }

  async unsealed({ from }: EventsQuery): Promise<Result<{ events: SegmentEvent[] }>> {
    const state = this.readable;
    return state === null ? this.absentTo(null) : { ok: true, events: readUnsealed(this.store, state, from) };
  }

  async chain(query: ChainQuery): Promise<Result<{ chain: ChainState }>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, chain: this.opened.sealing.chain.read(query) };
  }

  async links({ from, to }: LinksQuery): Promise<Result<{ links: EventLink[] }>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, links: this.opened.sealing.chain.links(from, to) };
  }

  async stats(): Promise<Result<{ stats: ConversationStats }>> {
    return this.opened === null ? this.absentTo(null) : { ok: true, stats: statsOf(this.opened, Date.now()) };
  }

  override async alarm(): Promise<void> {
    await this.opened?.tasks.fired(() => Date.now());
  }

  private absentTo(userId: string | null): Promise<Refusal> {
    return absentTo(userId, this.unwell);
  }

  private get unwell(): UnwellPorts {
    const conversation_id = (this.ill ? new Restoring(this.store).read()?.conversation_id : undefined) ?? "";
    const inInbox = async (userId: string) => (await this.through(userId, (stub) => stub.knownHead({ conversation_id, member: true }))) !== null;
    return { ill: this.ill, members: this.halted?.members ?? null, inInbox };
  }

  /** What a member does, in the turn of the call. */
  private async member<T>(userId: string, act: (opened: Opened, stay: Stay) => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
    const stay = this.opened?.state.members.get(userId);
    return this.opened === null || stay === undefined ? this.absentTo(userId) : act(this.opened, stay);
  }

  /** What a member sees of what may be read. */
  private async shown<T>(userId: string, read: (state: ConversationState, stay: Stay) => Result<T>): Promise<Result<T>> {
    const stay = this.readable?.members.get(userId);
    return this.readable === null || stay === undefined ? this.absentTo(userId) : read(this.readable, stay);
  }

  private get readable(): ConversationState | null {
    return this.opened?.state ?? this.halted;
  }

  private own(): KnownHead | null {
    return this.opened === null ? null : { epoch: this.opened.state.record.epoch, seq: this.opened.state.head.seq };
  }

  /** A session's inbox, or the archive, says how far it has this conversation: more than there is means that some of it is gone. */
  private compare(conversationId: string | undefined, known: KnownHead | null | undefined, by: string): void {
    if (this.ill || known === null || known === undefined || conversationId === undefined) return;
    if (!isDoubted(this.store, conversationId, this.own(), known, by, Date.now())) return;
    this.halt(true);
  }

  /** @param reads what is there may still be read */
  private halt(reads: boolean): void {
    this.store = this.born();
    const record = reads ? this.store.readConversation() : null;
    this.halted = record === null ? null : new ConversationState(this.store, record);
    this.opened = null;
    this.ill = true;
    void this.ctx.storage.deleteAlarm();
  }

  private revive(): void {
    this.store = this.born();
    this.halted = null;
    this.ill = false;
    const { fanout } = this.open(null);
    this.ctx.waitUntil(fanout.rounds.settle().catch((error: unknown) => log("warn", "delivery_failed", { ...errorFields(error) })));
  }

  /** A life of its own: whatever stood on the store before commits no more. */
  private born(): ConversationStore {
    const life = ++this.life;
    return new ConversationStore(mortalSql(this.sql, () => life === this.life));
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
    if (this.opened === null) return this.absentTo(actor);
    const result = decide(this.opened.state, this.opened.groups);
    if (!result.ok) return result;
    const changed = result.events.length > 0;
    if (changed) this.opened.fanout.committed(result.events, null, true);
    return { ok: true, changed };
  }

  private open(alarm: number | null): Opened {
    this.opened = openConversation(this.store, this.ctx.storage, alarm, {
      env: this.env, through: (userId, call) => this.through(userId, call), known: (conversationId, known) => this.compare(conversationId, known, "settle"),
    });
    return this.opened;
  }

  private async through<T>(userId: string, call: (stub: ReturnType<typeof sessionOf>) => Promise<T>): Promise<T> {
    const stub = this.stubs.get(userId) ?? sessionOf(this.env, userId);
    this.stubs.set(userId, stub);
    try {
      return await call(stub);
    } catch (error) {
      // A stub is broken for good after an exception.
      this.stubs.delete(userId);
      throw error;
    }
  }
}
