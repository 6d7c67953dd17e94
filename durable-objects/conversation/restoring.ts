// Rebuilding a conversation from its archive, in steps that may each come twice or not be answered: begin empties the object,
// events fill it page by page, finish makes a conversation of them. Until then there is no conversation here, for whatever code.
import { decideTrust } from "../../domain/restore.ts";
import { log } from "../../log/log.ts";
import { decideMode } from "../../domain/fanout-mode.ts";
import type { EventBody } from "../../protocol/events.ts";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import { directPairBytes, isDirect } from "../../protocol/ids.ts";
import { type KnownHead, type RestoreEvent, type RestoreState } from "../../protocol/restore-calls.ts";
import type { Settings } from "../../protocol/settings.ts";
import { randomBytes, sha256Hex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import type { ConversationRecord } from "./records.ts";
import { type End, replay, WrongEvent } from "./replay.ts";
import type { ConversationStore } from "./store.ts";
import { BanStore } from "./store/bans.ts";
import { ChainStore } from "./store/chain.ts";
import { type RestoreRecord, RestoreStore } from "./store/restores.ts";

export class Restoring {
  private readonly store: ConversationStore;
  private readonly rows: RestoreStore;
  private readonly chain: ChainStore;
  private readonly bans: BanStore;

  constructor(store: ConversationStore) {
    this.store = store;
    this.rows = new RestoreStore(store.sql);
    this.chain = new ChainStore(store.sql);
    this.bans = new BanStore(store.sql);
  }

  /** null where the storage was never doubted. Before there is a schema there is no row. */
  read(): RestoreRecord | null {
    return this.store.exists() ? this.rows.read() : null;
  }

  /** Somebody trusted has more than is there. */
  doubt(conversationId: string, own: KnownHead, known: KnownHead, by: string, now: number): void {
    this.store.sql.transaction(() => {
      this.store.migrate();
      this.rows.commit({
        conversation_id: conversationId, state: "needed", epoch: own.epoch, head_seq: own.seq, known_seq: known.seq, evidence: JSON.stringify({ by, epoch: known.epoch }), at: now,
      });
    });
  }

  begin(conversationId: string, target: { epoch: number; head_seq: number }, knownSeq: number, now: number): void {
    const before = this.read();
    if (before?.state === "restoring" && before.epoch === target.epoch && before.head_seq === target.head_seq) return;
    const known_seq = Math.max(knownSeq, before?.state === "needed" ? before.known_seq : 0, this.store.exists() ? (this.store.readHead()?.seq ?? 0) : 0);
    this.store.sql.transaction(() => {
      // No event says who is banned: of an old copy those who were then are better than nobody.
      const bans = this.store.exists() ? this.bans.readRows() : [];
      this.rows.dropAll();
      this.store.migrate();
      for (const { user_id, by, at } of bans) this.bans.commitBan(user_id, by, at);
      this.rows.commit({ conversation_id: conversationId, state: "restoring", ...target, known_seq, evidence: "{}", at: now });
    });
  }

  /** The events that are wanted next, in one commit. Throws WrongEvent. */
  add(record: RestoreRecord, events: readonly RestoreEvent[]): void {
    const end = this.end();
    const next = events.filter(({ seq }) => seq > end.seq);
    const last = next.at(-1);
    if (last === undefined) return;
    if (last.seq > record.head_seq) throw new WrongEvent(`seq ${last.seq} is behind the end at ${record.head_seq}`);
    this.store.sql.transaction(() => {
      const before = end.seq === 0 ? chainStart(record.conversation_id, sha256Hex) : (this.chain.readAt(end.seq) as string);
      let at = end;
      for (const event of next) at = replay({ store: this.store, restores: this.rows, place: record }, event, at);
      this.chain.commitCheckpoint({ seq: last.seq, chain: chainOver(before, next, sha256Hex) });
    });
  }

  /** What keeps it from being finished; null for nothing. */
  unfit(record: RestoreRecord, chain: string, pair: readonly [string, string] | null): string | null {
    const end = this.end();
    if (end.seq !== record.head_seq) return `the events end at ${end.seq}, not at ${record.head_seq}`;
    const own = end.seq === 0 ? chainStart(record.conversation_id, sha256Hex) : this.chain.readAt(end.seq);
    if (own !== chain) return "the events do not lead to the chain's hash";
    if (isDirect(record.conversation_id)) {
      return pair !== null && `d.${sha256Hex(directPairBytes(...pair))}` === record.conversation_id ? null : "these are not the users of this direct conversation";
    }
    return this.rows.readBody("created") === null ? "the event that created it is not there" : null;
  }

  /** Who is a member by what was restored so far. */
  members(pair: readonly [string, string] | null): string[] {
    return pair === null ? this.store.readMembers().map(({ user_id }) => user_id) : [...new Set(pair)];
  }

  finish(record: RestoreRecord, pair: readonly [string, string] | null, knownSeq: number, settings: Settings, now: number): void {
    const { epoch, head_seq } = record;
    this.store.sql.transaction(() => {
      for (const user_id of pair === null ? [] : this.members(pair)) this.store.insertStay({ user_id, role: "member", joined_seq: 1, left_seq: null });
      this.store.insertConversation({ ...this.derived(record, pair), epoch, mode: decideMode("write", pair === null ? "group" : "direct", this.members(null).length, settings) });
      // One short of the head: so everybody is settled with it, in whatever mode, and learns of the epoch.
      this.rows.commitWatermarks({ fanout_seq: Math.max(0, head_seq - 1), archived_seq: head_seq, mode_seq: head_seq });
      this.rows.commit({ ...record, state: "restored", known_seq: Math.max(record.known_seq, knownSeq), at: now });
    });
  }

  private derived({ conversation_id }: RestoreRecord, pair: readonly [string, string] | null): Omit<ConversationRecord, "epoch" | "mode"> {
    const cursor_key = randomBytes(16);
    if (pair !== null) {
      return { conversation_id, kind: "direct", title: null, max_members: 2, location_hint: null, jurisdiction: null, encryption: "none", history: "joined", cursor_key };
    }
    const created = JSON.parse(this.rows.readBody("created") as string) as EventBody<"created">;
    const titled = this.rows.readBody("title");
    const changes = this.rows.readSettings().map((body) => (JSON.parse(body) as EventBody<"settings">).changes);
    const history = changes.findLast((change) => change["history"] !== undefined)?.["history"] === "all" ? "all" : "joined";
    const { kind, max_members, location_hint, jurisdiction, encryption = "none" } = created;
    return {
      conversation_id, kind, title: titled === null ? created.title : (JSON.parse(titled) as EventBody<"title">).title,
      max_members, location_hint, jurisdiction, encryption, history, cursor_key,
    };
  }

  private end(): End {
    const head = this.store.readHead();
    return head === null ? { seq: 0, msg_no: 0, msg_id: "" } : { seq: head.seq, msg_no: head.msg_no, msg_id: head.msg_id };
  }

  /** @param well the conversation that is there and not doubted; null where there is none */
  state(well: KnownHead | null, unasked = 0): RestoreState {
    const record = this.read();
    const known_seq = record?.known_seq ?? 0;
    if (well !== null) return { state: "healthy", epoch: well.epoch, head_seq: well.seq, next_seq: 0, known_seq, unasked };
    if (record?.state === "restoring") return { state: "restoring", epoch: record.epoch, head_seq: record.head_seq, next_seq: this.end().seq + 1, known_seq, unasked };
    if (record?.state !== "needed") return { state: "absent", epoch: 0, head_seq: 0, next_seq: 0, known_seq, unasked };
    const own = this.store.readConversation();
    return { state: own === null ? "absent" : "needed", epoch: own?.epoch ?? 0, head_seq: own === null ? 0 : this.end().seq, next_seq: 0, known_seq, unasked };
  }
}

/**
 * Does somebody trusted have more than is there? Then that is noted, for good.
 * @param own null: nothing is open here
 */
export function isDoubted(store: ConversationStore, conversation_id: string, own: KnownHead | null, known: KnownHead, by: string, now: number): boolean {
  const { epoch, seq } = own ?? { epoch: 0, seq: 0 };
  if (decideTrust({ epoch, seq }, known) === "well") return false;
  log("error", "needs_restore", { conversation_id, by, epoch, head_seq: seq, known_epoch: known.epoch, known_seq: known.seq });
  count("needs_restore");
  new Restoring(store).doubt(conversation_id, { epoch, seq }, known, by, now);
  return true;
}
