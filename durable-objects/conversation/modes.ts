// In which way this conversation reaches its members, and whom. Above the threshold no inbox is written per message: who is
// there is told, and only what concerns one member alone is settled with them.
import { decideMode, decideWaiting } from "../../domain/fanout-mode.ts";
import { log } from "../../log/log.ts";
import type { FanoutMode } from "../../protocol/frames/inbox.ts";
import type { Settings } from "../../protocol/settings.ts";
import { count } from "../platform/metrics.ts";
import type { Attached } from "./attached.ts";
import type { NewEvent } from "./records.ts";
import type { ConversationState } from "./state.ts";
import type { ModesStore } from "./store/modes.ts";

export class Modes {
  private readonly store: ModesStore;
  private readonly state: ConversationState;
  private readonly attached: Attached;
  /** The newest event that each was owed a settle for since this object woke. */
  private readonly owedTo = new Map<string, number>();
  private readonly settings: () => Settings;

  constructor(store: ModesStore, state: ConversationState, attached: Attached, settings: () => Settings) {
    this.store = store;
    this.state = state;
    this.attached = attached;
    this.settings = settings;
  }

  get mode(): FanoutMode {
    return this.state.record.mode;
  }

  get waiting(): "settle" | "tell" | "nothing" {
    return decideWaiting({ mode: this.mode, head_seq: this.state.head.seq, ...this.state.marks });
  }

  /**
   * In the turn of a commit: a mode begins with an event, which every member is settled with, so that each session knows.
   * What the settings say counts from the next event on.
   */
  review(): void {
    const { record, members, head, marks } = this.state;
    const mode = decideMode(record.mode, record.kind, members.size, this.settings());
    if (mode === record.mode) return;
    this.store.commitMode(mode, head.seq);
    count("mode_changes");
    log("info", "fanout_mode_changed", { conversation_id: record.conversation_id, from: record.mode, to: mode, members: members.size });
    record.mode = mode;
    marks.mode_seq = head.seq;
  }

  /** Who came or went by these events hears of it in their inbox, whatever the mode. True: somebody did. */
  owe(events: readonly NewEvent[], now: number): boolean {
    if (this.mode === "write") return false;
    const concerned = events.filter((event) => event.type === "member_added" || event.type === "member_removed");
    if (concerned.length === 0) return false;
    const owed = concerned.map((event) => ({ user_id: (JSON.parse(event.body) as { user_id: string }).user_id, owed_from: event.seq, due_at: now, attempts: 0 }));
    this.store.commitOwed(owed);
    for (const { user_id, owed_from } of owed) this.owedTo.set(user_id, owed_from);
    return true;
  }

  /** In the turn of the commit: does a settle up to this seq pay what a member is owed? They may have come or gone once more. */
  pays(userId: string, head: number): boolean {
    const owed = this.owedTo.get(userId);
    if (owed !== undefined && owed > head) return false;
    this.owedTo.delete(userId);
    return true;
  }

  /** Is this session told of events as they come? While a mode is being settled in, all that were are. */
  tells(userId: string, now: number): boolean {
    return this.mode === "write" || this.state.marks.fanout_seq < this.state.marks.mode_seq || this.attached.wants(userId, this.mode, now);
  }

  /** Does it get the events themselves, or only that there are some? */
  showsBodies(userId: string): boolean {
    return this.mode === "write" || this.attached.get(userId)?.viewing === true;
  }
}
