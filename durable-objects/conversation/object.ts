// The Conversation object: the only writer of a conversation's order. Never touches a socket. Every method decodes, decides,
// commits and only then acts; what is committed and not yet done is due by alarm.
import { DurableObject } from "cloudflare:workers";
import { visibleRange } from "../../domain/membership.ts";
import { errorFields, log } from "../../log/log.ts";
import type { ArchiveAck, ArchiveAcked, ArchiveWrong, ArchiveWrongAnswer } from "../../protocol/archive.ts";
import type { ChainQuery, ChainState, EventLink, LinksQuery } from "../../protocol/chain-calls.ts";
import type { ConversationDetail, HistoryQuery } from "../../protocol/rest.ts";
import {
  type AppendCall, type AppendItem, type AppendReply, type AttachCall, type ConversationCalls, type ConversationStats, type CreateCall,
  type EraseCall, type HistoryReply, isChange, type MemberCall, type Result, type Resumed, type ResumeCall, type ViewCall,
} from "../../protocol/rpc.ts";
import type { PeekCall, Settled } from "../../protocol/rpc/inbox.ts";
import type { MessageReceipt, ReceiptMarks, ReceiptsCall } from "../../protocol/rpc/receipts.ts";
import type { SearchCall, SearchReply } from "../../protocol/rpc/search.ts";
import type { BlockCall } from "../../protocol/rpc/users.ts";
import type { Role } from "../../protocol/events.ts";
import type { Ban, Invite, InviteMade } from "../../protocol/rest/groups.ts";
import type { BanCall, ConfigureCall, InviteCall, JoinCall } from "../../protocol/rpc/groups.ts";
import type { EraseConversationCall, ErasedConversation } from "../../protocol/rpc/erasure.ts";
import type { ExportConversationCall, ExportedConversation } from "../../protocol/rpc/exports.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Head } from "../../protocol/frames/sync.ts";
import { archiveOn, deploymentJurisdiction, type Env, sessionOf } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { Tasks } from "../platform/tasks.ts";
import { currentSettings, loadSettings } from "../settings/current.ts";
import { openAcknowledging } from "./acknowledging.ts";
import { appendItems } from "./append.ts";
import { Attached } from "./attached.ts";
import { setBlock } from "./blocks.ts";
import type { ChangePorts } from "./changes.ts";
import { createDirect, createGroup } from "./create.ts";
import { frameJson } from "./encode.ts";
import { Fanout } from "./fanout.ts";
import { eraseMessage } from "./erase.ts";
import { eraseStep } from "./erase-sender.ts";
import { exportPart } from "./exports.ts";
import { Groups } from "./groups.ts";
import { readHistory } from "./history.ts";
import { type Changed, describe, putMember, removeMember } from "./members.ts";
import type { NewEvent } from "./records.ts";
import type { Opened } from "./opened.ts";
import { Sealing } from "./seal.ts";
import { findMessages } from "./search/find.ts";
import { Indexing } from "./search/indexing.ts";
import { segmentBucket } from "./segment-bucket.ts";
import { ConversationState } from "./state.ts";
import { ConversationStore } from "./store.ts";
import { Typing } from "./typing.ts";
import { AttachedStore } from "./store/attached.ts";
import { readVersions } from "./versions.ts";

const ABSENT = { ok: false, code: "not_found" } as const;

export class Conversation extends DurableObject<Env> implements ConversationCalls {
  private readonly store: ConversationStore;
  private readonly stubs = new Map<string, ReturnType<typeof sessionOf>>();
  private opened: Opened | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.store = new ConversationStore(objectSql(ctx.storage, (rows) => count("rows_written", rows)));
    count("wakes_conversation");
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      if (!this.store.exists()) return;
      this.store.migrate();
      this.open(await ctx.storage.getAlarm());
    });
  }

  append(call: AppendCall): Promise<AppendReply> {
    return this.appendAny(call);
  }

  async appendAny(call: AppendCall): Promise<AppendReply> {
    if (this.opened === null) {
      if (call.create === null) return { kind: "absent" };
      // Nothing begins with a change or an answer to something that is not there.
      if (!call.items.some(canBegin)) return { kind: "answers", answers: call.items.map(() => ABSENT) };
      createDirect(this.store, call.conversation_id, call.create, deploymentJurisdiction(this.env));
    }
    const opened = this.opened ?? this.open(null);
    const { state, fanout, receipts } = opened;
    const { answers, events, erased } = appendItems(this.store, state, call, this.changePorts(opened), Date.now());
    const sender = state.members.get(call.sender_id);
    if (erased.length > 0) fanout.forget(erased);
    if (events.length > 0 && sender !== undefined) {
      fanout.committed(events, call.alone ? call.sender_id : null, false);
      // A change is no sign that all before it was read.
      const messages = events.filter((event) => event.type === "msg");
      if (messages.length > 0) receipts.sent(sender, messages);
    }
    return { kind: "answers", answers };
  }

  async erase(call: EraseCall): Promise<Result<{ changed: boolean }>> {
    if (this.opened === null) return ABSENT;
    const { state, fanout } = this.opened;
    const result = eraseMessage(this.store, state, call.msg_id, this.changePorts(this.opened), Date.now());
    if (!result.ok) return result;
    if (result.erased.length > 0) fanout.forget(result.erased);
    if (result.event !== null) fanout.committed([result.event], null, false);
    return { ok: true, changed: result.event !== null };
  }

  async eraseSender(call: EraseConversationCall): Promise<Result<ErasedConversation>> {
    return this.opened === null ? ABSENT : { ok: true, ...(await eraseStep(this.ctx, this.store, this.opened, this.changePorts(this.opened), call)) };
  }

  async exported(call: ExportConversationCall): Promise<Result<ExportedConversation>> {
    return this.opened === null ? ABSENT : { ok: true, ...exportPart(this.store, this.opened.state, call) };
  }

  async create(call: CreateCall): Promise<Result<{ conversation: ConversationDetail; created: boolean }>> {
    if (this.opened !== null) {
      // The same creation again: its creator gets what there is, to anybody else it is absent.
      const { state } = this.opened;
      const same = this.store.readEvent(1)?.sender_id === call.creator_id && state.members.has(call.creator_id);
      return same ? { ok: true, conversation: describe(this.store, state), created: false } : ABSENT;
    }
    createGroup(this.store, call, Date.now());
    const { state, fanout } = this.open(null);
    fanout.committed(this.store.readRange(1, state.head.seq, 1, "asc") as NewEvent[], null, true);
    return { ok: true, conversation: describe(this.store, state), created: true };
  }

  async putMember(call: MemberCall): Promise<Result<{ changed: boolean; role: Role }>> {
    const result = this.change((state) => putMember(this.store, state, call, Date.now()));
    return result.ok ? { ...result, role: this.opened?.state.members.get(call.user_id)?.role ?? "member" } : result;
  }

  async removeMember(call: Omit<MemberCall, "role">): Promise<Result<{ changed: boolean }>> {
    return this.change((state) => removeMember(this.store, state, call, Date.now()));
  }

  async rename(call: { actor_id: string; title: string }): Promise<Result<{ title: string }>> {
    const result = await this.configure(call);
    return result.ok ? { ok: true, title: call.title } : result;
  }

  async configure(call: ConfigureCall): Promise<Result<{ changed: boolean }>> {
    return this.change((_state, groups) => groups.configure(call, Date.now()));
  }

  async invite(call: InviteCall): Promise<Result<{ invite: InviteMade }>> {
    return this.opened?.groups.invite(call, Date.now()) ?? ABSENT;
  }

  async invites(call: { actor_id: string | null }): Promise<Result<{ invites: Invite[] }>> {
    return this.opened?.groups.invites(call.actor_id, Date.now()) ?? ABSENT;
  }

  async revokeInvite(call: { actor_id: string | null; invite_id: string }): Promise<Result<object>> {
    return this.opened?.groups.revokeInvite(call.actor_id, call.invite_id) ?? ABSENT;
  }

  async join(call: JoinCall): Promise<Result<{ changed: boolean; conversation: ConversationDetail }>> {
    if (this.opened === null) return { ok: false, code: "invite_invalid" };
    const result = this.change((_state, groups) => groups.join(call, Date.now()));
    return result.ok ? { ...result, conversation: describe(this.store, this.opened.state) } : result;
  }

  async ban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    const known = this.opened?.state.banned.has(call.user_id);
    const result = this.change((_state, groups) => groups.ban(call, Date.now()));
    return result.ok ? { ok: true, changed: result.changed || known === false } : result;
  }

  async unban(call: BanCall): Promise<Result<{ changed: boolean }>> {
    return this.opened?.groups.unban(call) ?? ABSENT;
  }

  async bans(call: { actor_id: string | null }): Promise<Result<{ bans: Ban[] }>> {
    return this.opened?.groups.bans(call.actor_id) ?? ABSENT;
  }

  async describe(call: { user_id: string }): Promise<Result<{ conversation: ConversationDetail }>> {
    if (this.opened === null || !this.opened.state.members.has(call.user_id)) return ABSENT;
    return { ok: true, conversation: describe(this.store, this.opened.state) };
  }

  async history(call: { user_id: string; query: HistoryQuery }): Promise<Result<{ page: HistoryReply }>> {
    const stay = this.opened?.state.members.get(call.user_id);
    if (this.opened === null || stay === undefined) return ABSENT;
    return readHistory(this.store, this.opened.state, stay, call.query);
  }

  async versions(call: { user_id: string; msg_id: string }): Promise<Result<{ page: HistoryReply }>> {
    const stay = this.opened?.state.members.get(call.user_id);
    if (this.opened === null || stay === undefined) return ABSENT;
    return readVersions(this.store, this.opened.state, stay, call.msg_id);
  }

  async search(call: SearchCall): Promise<Result<SearchReply>> {
    const stay = this.opened?.state.members.get(call.user_id);
    if (this.opened === null || stay === undefined) return ABSENT;
    const { state, indexing, tasks } = this.opened;
    const found = findMessages(this.store, state, indexing, stay, call);
    tasks.arm(Date.now());
    return found;
  }

  async receipts(call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }>> {
    const stay = this.opened?.state.members.get(call.user_id);
    return this.opened === null || stay === undefined ? ABSENT : this.opened.receipts.take(stay, call);
  }

  async messageReceipts(call: { user_id: string; msg_id: string }): Promise<Result<{ receipts: MessageReceipt[] }>> {
    const stay = this.opened?.state.members.get(call.user_id);
    const receipts = stay === undefined ? null : (this.opened?.receipts.ofMessage(stay, call.msg_id) ?? null);
    return receipts === null ? ABSENT : { ok: true, receipts };
  }

  async resume(call: ResumeCall): Promise<Result<Resumed>> {
    const stay = this.opened?.state.members.get(call.user_id);
    if (this.opened === null || stay === undefined) return ABSENT;
    const { record, head } = this.opened.state;
    const place = { conversation_id: record.conversation_id, epoch: record.epoch };
    if (call.cursor.epoch !== record.epoch) return { ok: false, code: "epoch_changed" };
    if (call.cursor.seq > head.seq) return { ok: false, code: "bad_cursor" };
    const visibleFrom = visibleRange(stay, record.history).from;
    const from = Math.max(call.cursor.seq + 1, visibleFrom);
    const rows = this.store.readRange(from, head.seq, call.limit, "asc");
    // Pruned bodies can't be pushed: the client pulls them.
    const end = rows.findIndex((row) => row.body === null);
    const pushed = end === -1 ? rows : rows.slice(0, end);
    const reached_seq = rows.length === 0 ? head.seq : (pushed.at(-1)?.seq ?? from - 1);
    if (call.gen !== undefined) this.opened.fanout.attach({ user_id: call.user_id, gen: call.gen, ...(call.until === undefined ? {} : { until: call.until }) });
    return {
      ok: true, frames: pushed.map((row) => frameJson(place, row, visibleFrom)), reached_seq, head: { ...place, head_seq: head.seq },
      statuses: this.opened.receipts.missed(stay),
    };
  }

  async attach(call: AttachCall): Promise<void> {
    if (this.opened?.state.members.has(call.user_id)) this.opened.fanout.attach(call);
  }

  async peek(call: PeekCall): Promise<Result<{ settled: Settled }>> {
    const stay = this.opened?.state.members.get(call.user_id);
    if (this.opened === null || stay === undefined) return ABSENT;
    return { ok: true, settled: this.opened.fanout.peek(stay, call.settled_seq) };
  }

  async view(call: ViewCall): Promise<Result<{ mode: FanoutMode; head: Head }>> {
    if (this.opened === null || !this.opened.state.members.has(call.user_id)) return ABSENT;
    const { fanout, state: { record, head } } = this.opened;
    fanout.view(call);
    return { ok: true, mode: record.mode, head: { conversation_id: record.conversation_id, epoch: record.epoch, head_seq: head.seq } };
  }

  async block(call: BlockCall): Promise<{ exists: boolean }> {
    if (this.opened !== null) setBlock(this.opened.state, call, Date.now());
    return { exists: this.opened !== null };
  }

  async typing(call: { user_id: string; on: boolean }): Promise<Result<object>> {
    if (this.opened === null || !this.opened.state.members.has(call.user_id)) return ABSENT;
    this.opened.typing.take(call.user_id, call.on);
    return { ok: true };
  }

  async archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>> {
    if (this.opened === null) return ABSENT;
    const result = this.opened.sealing.acknowledged(ack);
    this.opened.tasks.arm(Date.now());
    return result.ok ? { ...result, receipts: this.opened.receipts.handOver.after(ack) } : result;
  }

  async segmentWrong(report: ArchiveWrong): Promise<Result<ArchiveWrongAnswer>> {
    if (this.opened === null) return ABSENT;
    const result = this.opened.sealing.reportedWrong(report);
    this.opened.tasks.arm(Date.now());
    return result;
  }

  async chain(query: ChainQuery): Promise<Result<{ chain: ChainState }>> {
    return this.opened === null ? ABSENT : { ok: true, chain: this.opened.sealing.chain.read(query) };
  }

  async links({ from, to }: LinksQuery): Promise<Result<{ links: EventLink[] }>> {
    return this.opened === null ? ABSENT : { ok: true, links: this.opened.sealing.chain.links(from, to) };
  }

  async stats(): Promise<Result<{ stats: ConversationStats }>> {
    if (this.opened === null) return ABSENT;
    const { state, fanout, attached, sealing } = this.opened;
    return {
      ok: true,
      stats: {
        mode: state.record.mode, viewers: attached.viewers(Date.now()).length, attached: attached.size, epoch: state.record.epoch, head_seq: state.head.seq, ...state.marks, sealed_seq: sealing.sealedSeq,
        lagging: fanout.rounds.owed, members: state.members.size, ...state.tally(),
      },
    };
  }

  override async alarm(): Promise<void> {
    await this.opened?.tasks.fired(() => Date.now());
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

  private change(decide: (state: ConversationState, groups: Groups) => Changed): Result<{ changed: boolean }> {
    if (this.opened === null) return ABSENT;
    const result = decide(this.opened.state, this.opened.groups);
    if (!result.ok) return result;
    const changed = result.events.length > 0;
    if (changed) this.opened.fanout.committed(result.events, null, true);
    return { ok: true, changed };
  }

  private open(alarm: number | null): Opened {
    const record = this.store.readConversation();
    if (record === null) throw new Error("the conversation's row is missing");
    const state = new ConversationState(this.store, record);
    const settings = () => currentSettings(this.env);
    const attached = new Attached(new AttachedStore(this.store.sql));
    const fanout: Fanout = new Fanout(this.store, state, attached, {
      deliver: (userId, call) => this.through(userId, (stub) => stub.deliver(call)),
      settings, now: () => Date.now(),
      arm: () => tasks.arm(Date.now()),
      failed: (user_id, error) => log("warn", "delivery_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
      push: (userId, call) => this.through(userId, (stub) => stub.push(call)),
      readBy: (stay) => acknowledging.receipts.readBy(stay),
      pushed: (stay, seq) => acknowledging.redelivery.pushed(stay, seq),
    });
    const acknowledging = openAcknowledging(this.store, state, fanout, {
      settings, now: () => Date.now(),
      later: (ms, run) => void setTimeout(run, ms),
      arm: () => tasks.arm(Date.now()),
      tell: (userId, call) => this.through(userId, (stub) => stub.told(call)),
      tellingFailed: (user_id, error) => log("warn", "status_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
    });
    const typing = new Typing(record.conversation_id, attached, {
      call: (userId, shown) => this.through(userId, (stub) => stub.typingShown(shown)),
      answered: (userId, reply) => fanout.live.heardOf(userId, reply),
      failed: (user_id, error) => log("warn", "typing_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
      now: () => Date.now(),
    });
    const bucket = archiveOn(this.env) ? this.env.SEGMENTS : undefined;
    const sealing = new Sealing(this.store, state, {
      bucket: bucket === undefined ? null : segmentBucket(bucket),
      settings, now: () => Date.now(), prunableSeq: () => indexing.prunableSeq,
    });
    const indexing = new Indexing(this.store, state, {
      settings, now: () => Date.now(),
      pause: () => new Promise((resolve) => {
        setTimeout(resolve, 0);
      }),
    });
    const tasks: Tasks = new Tasks(this.ctx.storage, alarm, [
      { name: "settle", dueAt: () => fanout.rounds.settleDue(), run: () => fanout.rounds.settle() },
      { name: "lagging", dueAt: () => fanout.rounds.laggingDue(), run: (now) => fanout.rounds.settleLagging(now) },
      { name: "redelivery", dueAt: (now) => acknowledging.redelivery.due(now), run: (now) => acknowledging.redelivery.run(now) },
      { name: "index", dueAt: (now) => indexing.due(now), run: () => indexing.run() },
      { name: "seal", dueAt: (now) => sealing.sealDue(now), run: () => sealing.seal() },
      { name: "chain", dueAt: (now) => sealing.chainDue(now), run: async () => sealing.catchUpChain() },
      { name: "prune", dueAt: (now) => sealing.pruneDue(now), run: async (now) => sealing.prune(now) },
      { name: "tidy_index", dueAt: (now) => indexing.tidyDue(now), run: () => indexing.tidy() },
    ], (task, error) => {
      count("task_failures");
      log("error", "task_failed", { conversation_id: record.conversation_id, task, ...errorFields(error) });
    });
    tasks.arm(Date.now());
    this.opened = { state, fanout, attached, groups: new Groups(this.store, state), receipts: acknowledging.receipts, typing, sealing, indexing, tasks };
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

function canBegin(item: AppendItem): boolean {
  return !isChange(item) && item.reply_to === undefined;
}
