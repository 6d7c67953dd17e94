// Edits, deletions and reactions: what each makes of its message, in the commit of its event.
import { type ChangeDecision, decideDelete, decideEdit, decideReact, type Target } from "../../domain/changes.ts";
import type { Stay } from "../../domain/membership.ts";
import type { EventBody } from "../../protocol/events.ts";
import type { ChangeItem } from "../../protocol/rpc.ts";
import type { Settings } from "../../protocol/settings.ts";
import { commitErasure } from "./erasure.ts";
import type { EventRecord, NewEvent } from "./records.ts";
import type { ConversationState, EventDraft } from "./state.ts";
import type { ConversationStore, HeldKey } from "./store.ts";
import { readByMsgId, targetOf } from "./target.ts";

export interface ChangePorts {
  settings(): Pick<Settings, "edit_window_ms">;
  /** Within the commit: the content of these events is gone, and must go from what was made of them. */
  erased(seqs: readonly number[]): void;
}

export interface Accepted {
  kind: "accepted";
  target: Target;
  row: EventRecord;
}

export type Decided = Extract<ChangeDecision, { kind: "refused" }> | { kind: "standing"; event: HeldKey } | Accepted;

export class Changes {
  private readonly store: ConversationStore;
  private readonly state: ConversationState;
  private readonly draft: EventDraft;
  private readonly ports: ChangePorts;
  private readonly now: number;

  constructor(store: ConversationStore, state: ConversationState, draft: EventDraft, ports: ChangePorts, now: number) {
    this.store = store;
    this.state = state;
    this.draft = draft;
    this.ports = ports;
    this.now = now;
  }

  decide(actor: Stay | "service", item: ChangeItem): Decided {
    const row = readByMsgId(this.store, this.state, item.target_msg_id);
    const decision = this.decideOn(actor, item, row === null ? null : targetOf(this.store, row));
    if (decision.kind === "refused") return decision;
    if (decision.kind === "accepted") return { ...decision, row: row as EventRecord };
    return { kind: "standing", event: { seq: decision.seq, msg_id: this.store.readMsgId(decision.seq) as string } };
  }

  private decideOn(actor: Stay | "service", item: ChangeItem, target: Target | null): ChangeDecision {
    const { messages } = this.store;
    const question = { actor, target, direct: this.state.record.kind === "direct", history: this.state.record.history };
    const seq = target?.seq ?? 0;
    switch (item.type) {
      case "edit":
        return decideEdit(question, messages.countEdits(seq), this.ports.settings().edit_window_ms, this.now);
      case "delete":
        return decideDelete(question);
      case "react": {
        const standing = actor === "service" ? null : messages.readReaction(seq, item.emoji, actor.user_id);
        return decideReact(question, item.on, standing, messages.countEmojis(seq, item.emoji));
      }
    }
  }

  /** Drafts the event. */
  add(item: ChangeItem, { target, row }: Accepted, from: Pick<EventRecord, "sender_id" | "client_msg_id" | "device_id">): NewEvent {
    const envelope = { ...from, content_type: null, target_seq: target.seq };
    const aim = { target_msg_id: row.msg_id, target_seq: target.seq };
    switch (item.type) {
      case "edit":
        return this.draft.add("edit", { ...aim, content: item.content, ...this.mentioned(item.mentions) }, envelope);
      case "delete":
        return this.draft.add("delete", aim, envelope);
      case "react":
        return this.draft.add("react", { ...aim, emoji: item.emoji, on: item.on }, envelope);
    }
  }

  /** Without mentions an edit leaves those of before; an empty list takes them away. */
  private mentioned(mentions: string[] | undefined): Pick<EventBody<"edit">, "mentions"> {
    return mentions === undefined ? {} : { mentions: [...new Set(mentions)].filter((user) => this.state.members.has(user)) };
  }

  /** What the event makes of its message, once it is written. @returns the seqs whose content is gone */
  commit(item: ChangeItem, { target, row }: Accepted, event: NewEvent): number[] {
    const { messages } = this.store;
    if (item.type === "edit") messages.commitEdited(target.seq, event.seq);
    if (item.type === "react") {
      const reaction = { target_seq: target.seq, emoji: item.emoji, user_id: event.sender_id, seq: event.seq };
      if (item.on) messages.commitReaction(reaction);
      else messages.commitUnreacted(reaction);
    }
    if (item.type !== "delete") return [];
    const seqs = commitErasure(this.store, this.state.record, row, event.seq);
    this.ports.erased(seqs);
    return seqs;
  }
}
