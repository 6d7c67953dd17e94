// Whom this user has blocked. A direct conversation is told, and refuses the blocked one by itself; this session stops
// presence, typing and pushes.
import { errorFields, log } from "../../log/log.ts";
import { BLOCKS } from "../../protocol/limits.ts";
import type { ConversationCalls, DeliverCall, Result } from "../../protocol/rpc.ts";
import type { Block } from "../../protocol/users.ts";
import type { Task } from "../platform/tasks.ts";
import { Line } from "./line.ts";
import type { BlockRecord, UserStore } from "./store/users.ts";

/** What blocks need of a session. */
export interface BlocksCore {
  readonly userId: string;
  readonly users: UserStore;
  /** Kept up to date for all other parts. */
  readonly blocked: Set<string>;
  readonly store: { readKnown(conversationId: string): { epoch: number } | null };
  directId(peer: string): string;
  through<T>(conversationId: string, call: (stub: Pick<ConversationCalls, "block">) => Promise<T>): Promise<T>;
  arm(): void;
}

export class Blocks {
  private readonly core: BlocksCore;
  private readonly line = new Line();
  private readonly records = new Map<string, BlockRecord>();
  private readonly untold = new Set<string>();

  constructor(core: BlocksCore) {
    this.core = core;
  }

  readonly task: Task = {
    name: "blocks",
    dueAt: (now) => (this.untold.size > 0 ? now : null),
    run: () => this.line.run(() => this.tellAll()),
  };

  open(): void {
    for (const record of this.core.users.readBlocks()) this.keep(record);
  }

  list(): Block[] {
    return [...this.records.values()].filter(({ blocked }) => blocked).map(({ user_id, at }) => ({ user_id, at }));
  }

  async set(userId: string, on: boolean): Promise<Result<{ at: number }>> {
    const { core } = this;
    if (userId === core.userId) return { ok: false, code: "bad_request", message: "That is you." };
    const known = this.records.get(userId);
    if (known === undefined && !on) return { ok: true, at: 0 };
    if (on && known?.blocked !== true && core.blocked.size >= BLOCKS) return { ok: false, code: "bad_request", message: `more than ${BLOCKS} blocks` };
    const at = known !== undefined && known.blocked === on ? known.at : Date.now();
    if (known === undefined || known.blocked !== on) this.commit({ user_id: userId, at, blocked: on, told: false });
    try {
      // Also where it stood already: the conversation may have begun since.
      await this.line.run(() => this.tell(userId));
      return { ok: true, at };
    } catch (error) {
      // It stands, and the alarm goes on telling; but until then the blocked one can write.
      log("warn", "block_untold", { user_id: core.userId, ...errorFields(error) });
      return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    }
  }

  /** Before the first settle of a direct conversation: its first message was under way when it could not be told yet. */
  settling(call: Pick<DeliverCall, "conversation_id" | "pair" | "epoch">): void {
    if (this.core.blocked.size === 0 || call.pair === null) return;
    const record = this.records.get(call.pair.find((user) => user !== this.core.userId) ?? "");
    const known = this.core.store.readKnown(call.conversation_id);
    // A restored conversation has forgotten it.
    if (record === undefined || !record.blocked || !record.told || (known !== null && known.epoch >= call.epoch)) return;
    this.commit({ ...record, told: false });
  }

  private async tellAll(): Promise<void> {
    for (const userId of this.untold) await this.tell(userId);
  }

  private async tell(userId: string): Promise<void> {
    const { core } = this;
    const record = this.records.get(userId);
    if (record === undefined) return;
    const call = () => core.through(core.directId(userId), (stub) => stub.block({ user_id: userId, by: core.userId, on: record.blocked }));
    // Once more: an object that has just moved is there a moment later.
    await call().catch(call);
    // Changed meanwhile: then it has to be told of that.
    if (this.records.get(userId) === record && !record.told) this.commit({ ...record, told: true });
  }

  private commit(record: BlockRecord): void {
    if (record.told && !record.blocked) this.core.users.commitUnblocked(record.user_id);
    else this.core.users.commitBlock(record);
    this.keep(record);
    this.core.arm();
  }

  private keep(record: BlockRecord): void {
    if (record.told && !record.blocked) this.records.delete(record.user_id);
    else this.records.set(record.user_id, record);
    if (record.told) this.untold.delete(record.user_id);
    else this.untold.add(record.user_id);
    if (record.blocked) this.core.blocked.add(record.user_id);
    else this.core.blocked.delete(record.user_id);
  }
}
