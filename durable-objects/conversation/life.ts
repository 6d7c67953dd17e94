// The lives of a conversation's object. In one it is open, waits to be restored, or nothing is here; what stood on the storage in an
// earlier one writes no more.
import type { Stay } from "../../domain/membership.ts";
import { errorFields, log } from "../../log/log.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { Refusal, Result } from "../../protocol/rpc.ts";
import { type Env, sessionOf } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { mortalSql } from "../platform/mortal-sql.ts";
import { objectSql } from "../platform/object-sql.ts";
import type { Sql } from "../platform/sql.ts";
import { Stubs } from "../platform/stubs.ts";
import type { Opened } from "./opened.ts";
import { openConversation } from "./opening.ts";
import { isDoubted, Restoring } from "./restoring.ts";
import { ConversationState } from "./state.ts";
import { ConversationStore } from "./store.ts";
import { absentTo, type UnwellPorts } from "./unwell.ts";

export class Life {
  store: ConversationStore;
  opened: Opened | null = null;
  /** The storage turned out to be of no use, or is being filled again. */
  ill = false;
  /** Of a conversation whose storage was rolled back: what is there is read, and nothing is written. */
  private halted: ConversationState | null = null;
  private number = 0;
  private readonly sessions: Stubs<ReturnType<typeof sessionOf>>;
  private readonly sql: Sql;
  private readonly ctx: DurableObjectState;
  private readonly env: Env;

  constructor(ctx: DurableObjectState, env: Env) {
    this.ctx = ctx;
    this.env = env;
    this.sessions = new Stubs((userId) => sessionOf(env, userId));
    this.sql = objectSql(ctx.storage, (rows) => count("rows_written", rows));
    this.store = this.born();
  }

  /** What the storage holds, at the object's start. */
  async begin(): Promise<void> {
    if (!this.store.exists()) return;
    this.store.migrate();
    const restore = new Restoring(this.store).read();
    if (restore === null || restore.state === "restored") this.open(await this.ctx.storage.getAlarm());
    else this.halt(restore.state === "needed");
  }

  /** @param alarm what stands, ms; null for none */
  open(alarm: number | null): Opened {
    this.opened = openConversation(this.store, this.ctx.storage, alarm, {
      env: this.env, through: (userId, call) => this.through(userId, call), known: (conversationId, known) => this.compare(conversationId, known, "settle"),
    });
    return this.opened;
  }

  /** A session's inbox, or the archive, says how far it has this conversation: more than there is means that some of it is gone. */
  compare(conversationId: string | undefined, known: KnownHead | null | undefined, by: string): void {
    if (this.ill || known === null || known === undefined || conversationId === undefined) return;
    if (isDoubted(this.store, conversationId, this.own(), known, by, Date.now())) this.halt(true);
  }

  /** @param reads what is there may still be read */
  halt(reads: boolean): void {
    this.store = this.born();
    const record = reads ? this.store.readConversation() : null;
    this.halted = record === null ? null : new ConversationState(this.store, record);
    this.opened?.fanout.lines.end();
    this.opened = null;
    this.ill = true;
    void this.ctx.storage.deleteAlarm();
  }

  revive(): void {
    this.store = this.born();
    this.halted = null;
    this.ill = false;
    const { fanout } = this.open(null);
    this.ctx.waitUntil(fanout.rounds.settle().catch((error: unknown) => log("warn", "delivery_failed", { ...errorFields(error) })));
  }

  own(): KnownHead | null {
    return this.opened === null ? null : { epoch: this.opened.state.record.epoch, seq: this.opened.state.head.seq };
  }

  get readable(): ConversationState | null {
    return this.opened?.state ?? this.halted;
  }

  /** What the operator or a part of the deployment asks for, in the turn of the call. */
  async asked<T>(act: (opened: Opened) => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
    return this.opened === null ? this.absentTo(null) : act(this.opened);
  }

  /** What a member does, in the turn of the call. */
  async member<T>(userId: string, act: (opened: Opened, stay: Stay) => Result<T> | Promise<Result<T>>): Promise<Result<T>> {
    const stay = this.opened?.state.members.get(userId);
    return this.opened === null || stay === undefined ? this.absentTo(userId) : act(this.opened, stay);
  }

  /** What a member sees of what may be read. */
  async shown<T>(userId: string, read: (state: ConversationState, stay: Stay) => Result<T>): Promise<Result<T>> {
    const stay = this.readable?.members.get(userId);
    return this.readable === null || stay === undefined ? this.absentTo(userId) : read(this.readable, stay);
  }

  absentTo(userId: string | null): Promise<Refusal> {
    return absentTo(userId, this.unwell);
  }

  get unwell(): UnwellPorts {
    const conversation_id = (this.ill ? new Restoring(this.store).read()?.conversation_id : undefined) ?? "";
    const inInbox = async (userId: string) => (await this.through(userId, (stub) => stub.knownHead({ conversation_id, member: true }))) !== null;
    return { ill: this.ill, members: this.halted?.members ?? null, inInbox };
  }

  through<T>(userId: string, call: (stub: ReturnType<typeof sessionOf>) => Promise<T>): Promise<T> {
    return this.sessions.through(userId, call);
  }

  private born(): ConversationStore {
    const life = ++this.number;
    return new ConversationStore(mortalSql(this.sql, () => life === this.number));
  }
}
