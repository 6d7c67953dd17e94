// One conversation, the contents that its messages carry and the store that these lie in: the real stores, claims, appends and
// alarms. What happens to each call is given beforehand; objects die in the middle of things, and what they asked for may still come about.
import { DatabaseSync } from "node:sqlite";
import { Content, type ContentPorts } from "../../durable-objects/blob/content.ts";
import { objectOf } from "../../durable-objects/blob/objects.ts";
import { BlobStore } from "../../durable-objects/blob/store.ts";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { mayDownload, mediaStands, releaseTask } from "../../durable-objects/conversation/media.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { mortalSql } from "../../durable-objects/platform/mortal-sql.ts";
import { Tasks } from "../../durable-objects/platform/tasks.ts";
import { prepareMedia } from "../../durable-objects/session/media.ts";
import { GRACE_MS } from "../../protocol/media.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import type { AppendAnswer, AppendItem, MsgItem } from "../../protocol/rpc.ts";
import type { Upload } from "../../protocol/rpc/media.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { CONVERSATION } from "./world.ts";
import { nodeSql } from "./sqlite.ts";

/**
 * `fails`: it did not happen. `lost`: it did, and nobody hears. `slow`: the answer comes minutes later. `dies`: the asking object
 * does, before or after; `dies_late`: what it asked for happens after its death.
 */
export const FATES = ["ok", "fails", "lost", "slow", "dies", "dies_after", "dies_late"] as const;
export type Fate = (typeof FATES)[number];
/** What is asked of the store, and of other objects. */
export const ASKED = ["read", "copy", "remove", "stands", "append", "release"] as const;
export type Asked = (typeof ASKED)[number];

const MINUTE = 60_000;
const LATE_MS = 30_000;
const SLOW_MS = 4 * MINUTE;
/** An alarm that goes on for longer than this after the last of what was done goes on for ever. */
const ROUNDS = 500;

export const keyOf = (content: string): string => `m/${content.padStart(64, "0")}`;

export interface Sent {
  client_msg_id: string;
  /** Of the upload; for a forward, of what is sent on. */
  content: string;
  forward: boolean;
  /** ms between the claim and the append */
  delay: number;
  /** How often its client tries again. */
  resends: number;
  acked: string | null;
}

/** An object: durable rows and alarm, and a life that ends. */
class Mortal {
  readonly database = new DatabaseSync(":memory:");
  alarm: number | null = null;
  life = 0;
  private deaths: (() => void)[] = [];

  sql() {
    const { life } = this;
    return mortalSql(nodeSql(this.database), () => life === this.life, "this object has died");
  }

  clock() {
    const { life } = this;
    return { setAlarm: async (at: number) => void (this.alarm = life === this.life ? at : this.alarm) };
  }

  die(): void {
    this.life += 1;
    for (const death of this.deaths.splice(0)) death();
  }

  /** Whoever waits for it hears that it is broken. */
  during<T>(call: () => Promise<T>): Promise<T> {
    return Promise.race([call(), new Promise<never>((_resolve, reject) => {
      this.deaths.push(() => reject(new Error("the object has died")));
    })]);
  }
}

const throwing = (_task: string, _error: unknown): void => undefined;
const never = new Promise<never>(() => undefined);
const turn = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

interface BlobActor {
  object: Mortal;
  content: Content;
  tasks: Tasks;
}

export class MediaWorld {
  now = 1_800_000_000_000;
  /** What lies in the store, by key: which content it is. */
  readonly bucket = new Map<string, string>();
  readonly sent: Sent[] = [];
  /** What objects have asked for, in order. */
  readonly asked: Asked[] = [];
  private readonly fates: Map<Asked, Fate[]>;
  private readonly blobs = new Map<string, BlobActor>();
  private readonly late: { at: number; happen: () => void }[] = [];
  private sleeping: { until: number; wake: () => void }[] = [];
  private underWay = 0;
  private readonly conversation = new Mortal();
  private store!: ConversationStore;
  private state!: ConversationState;
  private tasks!: Tasks;

  /** @param fates of each thing that is asked, in order */
  constructor(fates: Readonly<Partial<Record<Asked, readonly Fate[]>>>) {
    this.fates = new Map(ASKED.map((asked) => [asked, [...(fates[asked] ?? [])]]));
    createGroup(new ConversationStore(nodeSql(this.conversation.database)), {
      conversation_id: CONVERSATION, creator_id: "ann", title: "t", members: ["bob"], max_members: 500, location_hint: null, jurisdiction: null,
    }, this.now);
    this.openConversation();
  }

  /** A message goes on its way. */
  send(message: Omit<Sent, "acked">): void {
    const sent = { ...message, acked: null };
    this.sent.push(sent);
    this.bucket.set(`up/${message.content}`, message.content);
    this.blob(keyOf(message.content)).content.expect({ key: keyOf(message.content), content_type: "application/octet-stream", size: 3 });
    this.background(this.client(sent));
  }

  delete(sent: Sent): void {
    if (sent.acked !== null) this.deleteById(sent.acked);
  }

  /** Also those of which nobody has heard that they are there. */
  deleteAll(): void {
    for (const row of nodeSql(this.conversation.database).all("SELECT msg_id FROM events JOIN media USING (seq)")) this.deleteById(row["msg_id"] as string);
  }

  /** The conversation's storage is an older copy, in which no message has a file; `restore` brings them back as a restore does. */
  lose(): () => void {
    const sql = nodeSql(this.conversation.database);
    const lost = sql.all("SELECT seq, media_key, sender_id, client_msg_id FROM media JOIN events USING (seq)") as { seq: number; media_key: string; sender_id: string; client_msg_id: string }[];
    sql.run("DELETE FROM media");
    return () => {
      for (const { seq, media_key, sender_id, client_msg_id } of lost) this.store.media.commitCarriedAgain(seq, media_key, sender_id, client_msg_id);
      this.tasks.arm(this.now);
    };
  }

  private deleteById(target_msg_id: string): void {
    this.background((async () => {
      for (let tries = 0; tries < 20; tries += 1) {
        const answer = await this.append({ type: "delete", client_msg_id: `delete-${target_msg_id}`, device_id: null, target_msg_id }).catch(() => null);
        if (answer !== null) return;
      }
    })());
  }

  /** Time goes on, alarms fire, and what was late happens. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.quiet();
    for (let next = this.next(); next !== null && next <= end; next = this.next()) {
      this.now = Math.max(this.now, next) + 1;
      await this.due();
    }
    this.now = Math.max(this.now, end);
    await this.due();
  }

  /** Time goes on to whatever comes next. */
  async step(): Promise<void> {
    await this.quiet();
    const next = this.next();
    if (next !== null) this.now = Math.max(this.now, next) + 1;
    await this.due();
  }

  /** All that waits happens, until nothing is left to be done. */
  async end(): Promise<void> {
    this.fates.clear();
    await this.quiet();
    for (let rounds = 0; ; rounds += 1) {
      const next = this.next();
      if (next === null) return;
      if (rounds > ROUNDS) throw new Error("alarms go on for ever");
      this.now = Math.max(this.now, next) + 1;
      await this.due();
    }
  }

  /** Messages whose file should be there, and which it is. */
  standing(): { key: string; content: string }[] {
    return nodeSql(this.conversation.database).all("SELECT media_key FROM media").map((row) => {
      const key = row["media_key"] as string;
      return { key, content: key.replace(/^m\/0*/, "") };
    });
  }

  /** What a member would get for a file: what lies where its Blob says. */
  given(key: string): string | null {
    const located = this.blob(key).content.locate();
    return located.ok ? (this.bucket.get(located.object) ?? null) : null;
  }

  get removing(): number {
    return this.asked.filter((what) => what === "remove").length;
  }

  contents(): string[] {
    return [...this.bucket.keys()].filter((key) => key.startsWith("m/"));
  }

  /** Objects of contents that still know something. */
  remembering(): number {
    return [...this.blobs.values()].filter(({ object }) => new BlobStore(nodeSql(object.database)).exists()).length;
  }

  private next(): number | null {
    const times = [
      ...this.late.map(({ at }) => at), ...this.sleeping.map(({ until }) => until), this.conversation.alarm, ...[...this.blobs.values()].map(({ object }) => object.alarm),
    ].filter((at) => at !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  private async due(): Promise<void> {
    for (const { happen } of this.late.splice(0).filter((late) => late.at <= this.now || !this.late.push(late))) happen();
    const awake = this.sleeping.filter(({ until }) => until <= this.now);
    this.sleeping = this.sleeping.filter(({ until }) => until > this.now);
    for (const { wake } of awake) wake();
    for (const { object, tasks } of this.blobs.values()) this.fire(object, tasks);
    this.fire(this.conversation, this.tasks);
    await this.quiet();
  }

  private fire(object: Mortal, tasks: Tasks): void {
    if (object.alarm === null || object.alarm > this.now) return;
    object.alarm = null;
    this.background(object.during(() => tasks.fired(() => this.now)).catch(() => undefined));
  }

  private background(work: Promise<unknown>): void {
    this.underWay += 1;
    void work.finally(() => {
      this.underWay -= 1;
    });
  }

  /** Until everything that is under way waits for time, or is done. */
  private async quiet(): Promise<void> {
    for (let idle = 0; idle < 20;) {
      const before = this.underWay;
      await turn();
      idle = this.underWay - this.sleeping.length <= 0 || before === this.underWay ? idle + 1 : 0;
    }
  }

  private async client(sent: Sent): Promise<void> {
    const { client_msg_id, content, forward, delay } = sent;
    const key = keyOf(content);
    const upload: Upload = { key: `up/${content}`, kind: "document", content_type: "application/octet-stream", size: 3, sha256: content, upload_id: null, created_at: 0 };
    for (let tries = 0; tries <= sent.resends; tries += 1) {
      const draft = {
        client_msg_id, conversation_id: CONVERSATION, content: "", content_type: "document" as const, media_key: forward ? key : upload.key, ...(forward ? { media_from: CONVERSATION } : {}),
      };
      const prepared = await prepareMedia(draft, CONVERSATION, {
        userId: () => "ann", keyOf: () => key, readUpload: () => upload,
        claim: (_key, call) => this.twice(() => this.blob(key).object.during(() => this.blob(key).content.claim(call))),
        failed: () => undefined,
        mayDownload: async (_id, media_key) => mayDownload(this.store, this.state, this.memberAnn(), media_key, { ms: 365 * 24 * 60 * MINUTE, now: this.now }),
      });
      if (delay > 0) await this.sleep(delay);
      const item: MsgItem = { client_msg_id, device_id: null, content: "", content_type: "document", ...prepared };
      const answer = await this.twice(() => this.append(item)).catch((): AppendAnswer => ({ ok: false, code: "unavailable" }));
      if (answer.ok) {
        sent.acked = answer.ack.msg_id;
        return;
      }
      if (answer.code !== "unavailable") return;
      await this.sleep(1_000);
    }
  }

  private memberAnn() {
    const stay = this.state.members.get("ann");
    if (stay === undefined) throw new Error("ann is no member");
    return stay;
  }

  private async twice<T>(call: () => Promise<T>): Promise<T> {
    return call().catch(call);
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.sleeping.push({ until: this.now + ms, wake: resolve });
    });
  }

  private append(item: AppendItem): Promise<AppendAnswer> {
    return this.conversation.during(() => this.fated("append", this.conversation, () => {
      const { answers } = appendItems(this.store, this.state, { conversation_id: CONVERSATION, sender_id: "ann", items: [item], create: null, alone: true }, NO_CHANGES, this.now);
      this.tasks.arm(this.now);
      return answers[0] as AppendAnswer;
    }, () => this.openConversation()));
  }

  private openConversation(): void {
    const { conversation } = this;
    this.store = new ConversationStore(conversation.sql());
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    this.tasks = new Tasks(conversation.clock(), conversation.alarm, [
      releaseTask(this.store, this.state, (key, call) => this.fated("release", conversation, () => this.blob(key).content.release(call.references, call.at_once === true), () => this.openConversation())),
    ], throwing);
    this.tasks.arm(this.now);
  }

  private blob(key: string): BlobActor {
    const known = this.blobs.get(key);
    if (known !== undefined) return known;
    const object = new Mortal();
    const actor = { object } as BlobActor;
    this.blobs.set(key, actor);
    this.openBlob(actor);
    return actor;
  }

  private openBlob(actor: BlobActor): void {
    const { object } = actor;
    const store = new BlobStore(object.sql());
    const asked = <T>(what: Asked, happen: () => T): Promise<T> => this.fated(what, object, happen, () => this.openBlob(actor));
    const ports: ContentPorts = {
      files: {
        verifies: false,
        recognize: async () => null,
        head: (key) => asked("read", () => (this.bucket.has(key) ? { size: 3, etag: this.bucket.get(key) as string } : null)),
        readStart: (key, etag) => asked("read", () => (this.bucket.get(key) === etag ? new Uint8Array(3) : null)),
        readHash: (key, etag) => asked("read", () => (this.bucket.get(key) === etag ? etag : null)),
        copy: ({ from, to, etag }) => asked("copy", () => {
          if (this.bucket.get(from) !== etag) return "absent";
          this.bucket.set(to, etag);
          return "copied";
        }),
        remove: (key) => asked("remove", () => void this.bucket.delete(key)),
      },
      ask: (_conversation, call) => asked("stands", () => mediaStands(this.store, call).map((stands) => (stands ? "stands" : "gone"))),
      kept: () => ({ retention_ms: DEFAULT_SETTINGS.media_retention_ms, grace_ms: GRACE_MS }),
      now: () => this.now,
      failed: () => undefined,
      arm: () => actor.tasks.arm(this.now),
      forget: async () => {
        for (const { name } of nodeSql(object.database).all("SELECT name FROM sqlite_master WHERE type = 'table'")) object.database.exec(`DROP TABLE ${name as string}`);
        object.alarm = null;
      },
    };
    actor.content = new Content(store, ports);
    actor.tasks = new Tasks(object.clock(), object.alarm, actor.content.tasks, throwing);
    actor.tasks.arm(this.now);
  }

  /** What an object asks of another, or of the store. */
  private async fated<T>(what: Asked, object: Mortal, happen: () => T, reopen: () => void): Promise<T> {
    const { life } = object;
    await turn();
    if (life !== object.life) return never;
    this.asked.push(what);
    const fate = this.fates.get(what)?.shift() ?? "ok";
    if (fate === "fails") throw new Error("it did not happen");
    const done = fate === "ok" || fate === "lost" || fate === "slow" || fate === "dies_after" ? happen() : undefined;
    if (fate === "ok" || fate === "slow") {
      // The answer comes in a later turn.
      await (fate === "ok" ? turn() : this.sleep(SLOW_MS));
      return life === object.life ? (done as T) : never;
    }
    if (fate === "lost") throw new Error("its answer was lost");
    if (fate === "dies_late") this.late.push({ at: this.now + LATE_MS, happen: () => void happen() });
    object.die();
    reopen();
    return never;
  }
}

export { objectOf };
