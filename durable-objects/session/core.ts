// What every part of a session works with: the user, the rows, the devices, and the way to conversations.
import { isFresh, type Sign } from "../../domain/presence.ts";
import { decideAccess } from "../../domain/users.ts";
import { type Admission, type Bucket, decideAdmission } from "../../domain/rate-limit.ts";
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import { CREDIT_BYTES } from "../../protocol/limits.ts";
import type { UpType } from "../../protocol/frames/up.ts";
import { CLOSE } from "../../protocol/errors.ts";
import { directPairBytes, SERVICE_ID } from "../../protocol/ids.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import type { Refusal } from "../../protocol/rpc.ts";
import type { Settings } from "../../protocol/settings.ts";
import { conversationOf, type Env } from "../platform/env.ts";
import { sha256Hex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import { Stubs } from "../platform/stubs.ts";
import { type AlarmClock, type Task, Tasks } from "../platform/tasks.ts";
import { currentSettings } from "../settings/current.ts";
import type { Device } from "./device.ts";
import { Devices } from "./devices.ts";
import { Heads } from "./heads.ts";
import { Polls } from "./polls.ts";
import { Sockets } from "./sockets.ts";
import type { SessionStore } from "./store.ts";
import { type AccountRecord, UserStore } from "./store/users.ts";

type ConversationStub = ReturnType<typeof conversationOf>;

/** Buckets of one user, and how many times the settings' rate and burst each has. A device acknowledges more than it asks. */
const BUCKETS = { request: 1, receipt: 5, signal: 1, poll: 1 } as const;
export type BucketName = keyof typeof BUCKETS;

const SIGNALS: ReadonlySet<UpType> = new Set(["open", "close", "typing", "presence_sub", "presence_unsub", "heartbeat"]);

/** Which bucket pays for a frame. What is no frame is paid for as a request. */
export function bucketOf(type: UpType): BucketName {
  if (type === "receipt") return "receipt";
  return SIGNALS.has(type) ? "signal" : "request";
}

export class SessionCore {
  readonly env: Env;
  readonly store: SessionStore;
  readonly sockets: Sockets;
  readonly polls: Polls;
  readonly devices: Devices;
  readonly heads = new Heads();
  /** What the object's alarm does. Each part adds its own before the object opens, and arms when it has made something due. */
  readonly tasks: Task[] = [];
  /** ms of the last sign of devices that are gone; null for none that is known. */
  goneAt: number | null = null;
  /** From the row once there is one: not every event that wakes an object brings its name along. */
  userId: string;
  gen = 0;
  userSeq = 0;
  /** null: nobody has registered this user. */
  account: AccountRecord | null = null;
  readonly users: UserStore;
  /** Whom this user has blocked. */
  readonly blocked = new Set<string>();
  private readonly conversations: Stubs<ConversationStub>;
  private readonly directIds = new Map<string, string>();
  private readonly buckets = new Map<BucketName, Bucket>();
  private alarm: Tasks | null = null;

  constructor(ctx: DurableObjectState, env: Env, store: SessionStore) {
    this.env = env;
    this.conversations = new Stubs((conversationId) => conversationOf(env, conversationId));
    this.store = store;
    this.users = new UserStore(store.sql);
    this.sockets = new Sockets(ctx, {
      rule: () => ({ events: this.settings.credit_events, bytes: CREDIT_BYTES }),
      headOf: (conversationId) => Math.max(this.heads.headOf(conversationId), store.readInbox(conversationId)?.settled_seq ?? 0),
      settledSince: (at) => store.readSettledAfter(at).map(({ conversation_id, epoch, settled_seq }) => ({ conversation_id, epoch, head_seq: settled_seq })),
    });
    this.polls = new Polls({
      userSeq: () => this.userSeq,
      changed: (userSeq, limit) => this.store.readInboxSince(userSeq, limit).map((row) => this.heads.over(row)),
      now: () => Date.now(),
    });
    this.devices = new Devices(this.sockets, this.polls);
    this.devices.onGone(({ seen_at }) => {
      this.goneAt = Math.max(this.goneAt ?? 0, seen_at);
    });
    this.userId = ctx.id.name ?? "";
  }

  get settings(): Settings {
    return currentSettings(this.env);
  }

  /** All devices that are connected now, whatever by. */
  signs(): Sign[] {
    return this.devices.signs();
  }

  /** Is any device there, or are they all silent past their limits? */
  isFresh(now: number): boolean {
    return this.signs().some((sign) => isFresh(sign, now));
  }

  /** @param armed what the object's alarm stands at, ms; null for none */
  wake(storage: AlarmClock, armed: number | null): void {
    this.alarm = new Tasks(storage, armed, this.tasks, (task, error) => {
      count("task_failures");
      log("error", "task_failed", { user_id: this.userId, task, ...errorFields(error) });
    });
    this.arm();
  }

  /** In the turn that made something due: the alarm becomes durable with it. */
  arm(): void {
    this.alarm?.arm(Date.now());
  }

  async alarmed(): Promise<void> {
    await this.alarm?.fired(() => Date.now());
  }

  /** Reads what the rows say, once they exist. */
  open(): void {
    this.store.migrate();
    const session = this.store.readSession();
    if (session === null) return;
    this.userId = session.user_id;
    this.gen = session.gen;
    this.userSeq = this.store.readUserSeq();
    this.account = this.users.readAccount();
    this.expel();
  }

  get isRegistered(): boolean {
    return this.account !== null;
  }

  /**
   * Why a token of this user is no longer accepted; null where it is.
   * @param iat when it was issued, in seconds since 1970
   */
  refusal(iat: number | undefined): Refusal | null {
    const decision = this.account === null ? "in" : decideAccess(this.account, iat);
    return decision === "in" ? null : { ok: false, code: decision };
  }

  /** Closes the devices whose tokens are no longer accepted. */
  expel(): void {
    this.sockets.dropWhere(({ iat }) => this.refusal(iat) !== null, CLOSE.token, "the token is no longer accepted");
    this.polls.dropWhere((iat) => this.refusal(iat));
  }

  register(userId: string): void {
    if (this.isRegistered) return;
    if (userId === SERVICE_ID) throw new Error("the service is no user");
    this.store.commitRegistered(userId, Date.now());
    this.open();
  }

  /** The user's own buckets, over all devices and entrances. */
  charge(cost: number, name: BucketName = "request"): Admission {
    const { rate_limit, rate_burst } = this.settings;
    const times = BUCKETS[name];
    const admission = decideAdmission(this.buckets.get(name) ?? null, { rate: rate_limit * times, burst: rate_burst * times }, Date.now(), cost);
    this.buckets.set(name, admission.bucket);
    if (!admission.ok) count("rate_limited");
    return admission;
  }

  directId(peer: string): string {
    const known = this.directIds.get(peer);
    if (known !== undefined) return known;
    const id = `d.${sha256Hex(directPairBytes(this.userId, peer))}`;
    this.directIds.set(peer, id);
    return id;
  }

  /** How far the inbox has a conversation: what a conversation that has lost some of it is told by. */
  known(conversationId: string): KnownHead | null {
    return this.isRegistered ? this.store.readKnown(conversationId) : null;
  }

  hasLeft(conversationId: string): boolean {
    return this.isRegistered && (this.store.readInbox(conversationId)?.left_at ?? null) !== null;
  }

  /** Work that goes on after a frame was handled. What it can't do, the device is told. */
  background(device: Device, what: string, work: Promise<void>): void {
    const done = work.catch((error: unknown) => {
      log("error", `${what}_failed`, { user_id: this.userId, ...errorFields(error) });
      device.send([errorFrame("unavailable", { retry_after_ms: 1_000 })]);
    });
    device.during?.(done);
  }

  through<T>(conversationId: string, call: (stub: ConversationStub) => Promise<T>): Promise<T> {
    return this.conversations.through(conversationId, call);
  }
}
