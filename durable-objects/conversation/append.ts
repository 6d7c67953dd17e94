// Appending: one synchronous turn from the look-up of the keys to the commit. Each item stands alone; all that are new go in
// with one commit.
import { decideAppend } from "../../domain/append.ts";
import { type ChangeDecision, decideReply } from "../../domain/changes.ts";
import { decideNumber } from "../../domain/sequence.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import { type AppendAnswer, type AppendCall, type AppendItem, type AppendReply, type ChangeItem, type Early, isChange, isMedia, type MsgItem } from "../../protocol/rpc.ts";
import { count } from "../platform/metrics.ts";
import { type Accepted, type ChangePorts, Changes } from "./changes.ts";
import type { Opened } from "./opened.ts";
import type { NewEvent } from "./records.ts";
import { type ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore, HeldKey } from "./store.ts";
import { readByMsgId, targetOf } from "./target.ts";
import { ABSENT } from "./unwell.ts";

export interface Appended {
  /** One for each item: its acknowledgement, or why there is none. */
  answers: (AppendAnswer | Early)[];
  /** What was committed, in order. */
  events: NewEvent[];
  /** Seqs of earlier events whose content is gone. */
  erased: number[];
}

/** Its content waits no longer for it: it has to be claimed again. */
const TOO_LATE: AppendAnswer = { ok: false, code: "unavailable", retry_after_ms: 1_000 };

type Outcome = { event: NewEvent } | { answer: AppendAnswer | Early };

export function appendItems(store: ConversationStore, state: ConversationState, call: AppendCall, ports: ChangePorts, now: number): Appended {
  const appending = new Appending(store, state, call, ports, now);
  if (!state.members.has(call.sender_id)) return appending.onlyHeld();
  // A change reads what the items before it have written: all of them are undone where one throws.
  return call.items.some(isChange) ? store.sql.transaction(() => appending.run()) : appending.run();
}

class Appending {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly call: AppendCall;
  private readonly draft: EventDraft;
  private readonly changes: Changes;
  private readonly held: Map<string, HeldKey>;
  private readonly fresh = new Map<string, NewEvent>();
  private readonly numbers = new Map<string, number>();
  private readonly now: number;
  private readonly erased: number[] = [];
  private inserted = 0;

  constructor(store: ConversationStore, state: ConversationState, call: AppendCall, ports: ChangePorts, now: number) {
    this.store = store;
    this.state = state;
    this.call = call;
    this.now = now;
    this.draft = new EventDraft(state.head, now);
    this.changes = new Changes(store, state, this.draft, ports, now);
    this.held = store.readKeys(call.sender_id, call.items.map((item) => item.client_msg_id));
  }

  run(): Appended {
    const { draft, state } = this;
    const answers = this.call.items.map((item) => this.answerTo(item));
    this.insert();
    state.advance(draft.events);
    for (const [deviceId, last] of this.numbers) state.numbers.note(this.call.sender_id, deviceId, last);
    count("appends");
    count("appended_events", draft.events.length);
    return { answers, events: draft.events, erased: this.erased };
  }

  /** Of somebody who has left: what went in before keeps its acknowledgement. */
  onlyHeld(): Appended {
    const answers = this.call.items.map((item) => {
      const held = this.held.get(item.client_msg_id);
      return held === undefined ? ABSENT : this.ack(item, held, true);
    });
    return { answers, events: [], erased: [] };
  }

  private answerTo(item: AppendItem): AppendAnswer | Early {
    const prior = this.fresh.get(item.client_msg_id) ?? this.held.get(item.client_msg_id) ?? null;
    const decision = decideAppend(this.draft.next, prior?.seq ?? null);
    if (decision.kind === "duplicate" && prior !== null) {
      count("duplicates");
      return this.ack(item, prior, true);
    }
    // What was sent before the block keeps its acknowledgement, and may be taken back.
    if (this.state.record.kind === "direct" && this.state.banned.has(this.call.sender_id) && item.type !== "delete") return { ok: false, code: "forbidden" };
    const outcome = isChange(item) ? this.change(item) : this.message(item);
    if ("answer" in outcome) return outcome.answer;
    this.fresh.set(item.client_msg_id, outcome.event);
    return this.ack(item, outcome.event, false);
  }

  private message(item: MsgItem): Outcome {
    if (item.refused !== undefined) return { answer: { ok: false, ...item.refused } };
    if (item.claimed_until !== undefined && item.claimed_until < this.now) return { answer: TOO_LATE };
    const turn = this.turnOf(item);
    if (turn === "early") return { answer: { ok: false, code: "early" } };
    const answered = item.reply_to === undefined ? null : this.replied(item.reply_to);
    if (answered?.kind === "refused") return { answer: refusal(answered) };
    const { content, content_type, reply_to, media_key, media } = item;
    const mentions = [...new Set(item.mentions ?? [])].filter((user) => this.state.members.has(user));
    const body = {
      content, content_type, ...(media_key === undefined ? {} : { media_key, ...(media === undefined ? {} : { media }) }), ...(reply_to === undefined ? {} : { reply_to }), ...(mentions.length === 0 ? {} : { mentions }), ...(turn === "gap" ? { gap: true as const } : {}),
    };
    const event = this.draft.add("msg", body, {
      sender_id: this.call.sender_id, client_msg_id: item.client_msg_id, device_id: item.device_id, content_type,
      target_seq: answered?.kind === "accepted" ? answered.target.seq : null, client_sequence_number: item.client_sequence_number ?? null,
    });
    if (media_key !== undefined) event.media_key = media_key;
    if (item.client_sequence_number !== undefined && item.device_id !== null) {
      this.numbers.set(item.device_id, Math.max(item.client_sequence_number, this.lastNumber(item.device_id) ?? 0));
    }
    return { event };
  }

  /** Who has no device has no sequence either. */
  private turnOf({ client_sequence_number, device_id, force }: MsgItem): "turn" | "early" | "gap" {
    if (client_sequence_number === undefined || device_id === null) return "turn";
    return decideNumber(this.lastNumber(device_id), client_sequence_number, force === true);
  }

  private lastNumber(deviceId: string): number | null {
    return this.numbers.get(deviceId) ?? this.state.numbers.last(this.call.sender_id, deviceId);
  }

  private replied(msgId: string): ChangeDecision {
    const { store, state } = this;
    const row = readByMsgId(store, state, msgId);
    const actor = state.members.get(this.call.sender_id);
    return actor === undefined ? { kind: "refused", code: "not_found" }
      : decideReply({ actor, target: row === null ? null : targetOf(store, row), direct: state.record.kind === "direct", history: state.record.history });
  }

  private change(item: ChangeItem): Outcome {
    this.insert();
    const actor = this.state.members.get(this.call.sender_id);
    const decision = actor === undefined ? { kind: "refused" as const, code: "not_found" as const } : this.changes.decide(actor, item);
    if (decision.kind === "refused") return { answer: refusal(decision) };
    if (decision.kind === "standing") return { answer: this.ack(item, decision.event, true) };
    return { event: this.commit(item, decision) };
  }

  private commit(item: ChangeItem, accepted: Accepted): NewEvent {
    const event = this.changes.add(item, accepted, { sender_id: this.call.sender_id, client_msg_id: item.client_msg_id, device_id: item.device_id });
    this.insert();
    this.erased.push(...this.changes.commit(item, accepted, event));
    return event;
  }

  /** Writes the events that are drafted and not written yet. */
  private insert(): void {
    const { store, draft } = this;
    const pending = draft.events.slice(this.inserted);
    if (pending.length === 0) return;
    store.commitEvents(pending);
    this.inserted = draft.events.length;
  }

  private ack(item: AppendItem, event: HeldKey & { media_key?: string }, dup: boolean): AppendAnswer {
    const { conversation_id, epoch } = this.state.record;
    const media_key = event.media_key ?? (isMedia(item) ? this.store.media.readKey(event.seq) : null);
    return {
      ok: true,
      ack: {
        type: "ack", client_msg_id: item.client_msg_id, msg_id: event.msg_id, conversation_id, epoch,
        seq: event.seq, status: "SENT", sent_at: sentAtOf(event.msg_id), ...(dup ? { dup: true as const } : {}), ...(media_key === null ? {} : { media_key }),
      },
    };
  }
}

function refusal({ code, message }: Extract<ChangeDecision, { kind: "refused" }>): AppendAnswer {
  return { ok: false, code, ...(message === undefined ? {} : { message }) };
}

/** Nothing begins with a change or an answer to something that is not there. */
export function canBegin(item: AppendItem): boolean {
  return !isChange(item) && item.reply_to === undefined && item.refused === undefined;
}

/** What an item is answered where there is no conversation. */
export function absentAnswer(item: AppendItem): AppendAnswer {
  return !isChange(item) && item.refused !== undefined ? { ok: false, ...item.refused } : ABSENT;
}

/** Appends, and has told whoever is to be told. */
export function appendTo(store: ConversationStore, { state, fanout, receipts }: Pick<Opened, "state" | "fanout" | "receipts">, call: AppendCall, ports: ChangePorts, now: number): AppendReply {
  const { answers, events, erased } = appendItems(store, state, call, ports, now);
  const sender = state.members.get(call.sender_id);
  if (erased.length > 0) fanout.forget(erased);
  if (events.length > 0 && sender !== undefined) {
    const alone = call.alone && (call.gen === undefined || call.gen === fanout.live.get(call.sender_id)?.gen);
    fanout.committed(events, alone ? call.sender_id : null, false);
    // A change is no sign that all before it was read.
    const messages = events.filter((event) => event.type === "msg");
    if (messages.length > 0) receipts.sent(sender, messages);
  }
  return { kind: "answers", answers };
}
