// One content, its references and its object in the store. A reference is noted before anything else is done, so that whatever
// dies leaves something to ask about; the object goes only by a name that is given up in the same turn, and never used again.
import {
  appendableUntil, decideAskAgain, decideClaim, decideDoubt, decideRemoval, decideWord, type Reference, type Word,
} from "../../domain/references.ts";
import type { Refusal, Result } from "../../protocol/rpc.ts";
import type { Claimed, Located, MediaReference, StandsCall, Upload } from "../../protocol/rpc/media.ts";
import { UNSENT_MS } from "../../protocol/media.ts";
import { count } from "../platform/metrics.ts";
import type { Task } from "../platform/tasks.ts";
import { checkUpload, type Files } from "./checking.ts";
import { Keeping } from "./keeping.ts";
import { LINGER_MS, objectOf } from "./objects.ts";
import type { BlobStore, ContentRecord, ReferenceRecord } from "./store.ts";

/** References that one alarm asks about. */
const ASKED = 200;
/** Store rules delete an object by its age, on the day after: what is sent on gets a new one once it is older than this. */
const RENEW_MS = 24 * 3_600_000;

/** What a restore brings back may be of a message whose reference was given up. */
const NEVER_CLAIMED: Reference = { claim: 0, claimed_at: 0, ask_at: null };

const UNAVAILABLE: Refusal = { ok: false, code: "unavailable", retry_after_ms: 1_000 };
const EXPIRED: Refusal = { ok: false, code: "media_expired" };

export interface ContentPorts {
  files: Files;
  /** Which of a conversation's messages stand; throws where it does not answer. */
  ask(conversationId: string, call: StandsCall): Promise<Word[]>;
  kept(): { retention_ms: number; grace_ms: number };
  now(): number;
  arm(): void;
  failed(what: string, where: Record<string, string>, error: unknown): void;
  /** Empties the object's storage. */
  forget(): Promise<void>;
}

export class Content {
  private readonly store: BlobStore;
  private readonly ports: ContentPorts;
  readonly keeping: Keeping;
  /** Claims under way. */
  private claiming = 0;

  constructor(store: BlobStore, ports: ContentPorts) {
    this.store = store;
    this.ports = ports;
    this.keeping = new Keeping(store, { ...ports, claiming: () => this.claiming > 0 });
  }

  readonly tasks: readonly Task[] = [
    { name: "ask", dueAt: () => (this.store.exists() ? this.store.readAskAt() : null), run: (now) => this.ask(now) },
    { name: "retire", dueAt: () => this.retireDue(), run: async () => this.retire() },
    { name: "remove", dueAt: () => (this.store.exists() ? (this.store.readRemovals()[0]?.due_at ?? null) : null), run: (now) => this.remove(now) },
    { name: "forget", dueAt: () => this.forgetDue(), run: (now) => this.forget(now) },
  ];

  /** Somebody may send it, or not: an object that nothing comes to is forgotten. */
  expect(file: Pick<ContentRecord, "key" | "content_type" | "size">): void {
    const { store, ports } = this;
    if (store.exists()) return;
    const now = ports.now();
    store.sql.transaction(() => {
      store.migrate();
      store.commitContent({ ...file, generation: 0, next_generation: 1, state: "retired", changed_at: now + UNSENT_MS, idle_since: now });
      ports.arm();
    });
  }

  async claim(call: { key: string; reference: MediaReference; upload: Upload | null }): Promise<Result<Claimed>> {
    this.claiming += 1;
    try {
      return await (call.upload === null ? this.claimAgain(call.reference) : this.claimNew(call.key, call.reference, call.upload));
    } catch (error) {
      count("media_claim_failures");
      this.ports.failed("media_claim_failed", { media_key: call.key }, error);
      return UNAVAILABLE;
    } finally {
      this.claiming -= 1;
    }
  }

  private async claimNew(key: string, reference: MediaReference, upload: Upload): Promise<Result<Claimed>> {
    const { files } = this.ports;
    const { noted, content } = this.note(reference, { key, content_type: upload.content_type, size: upload.size });
    const checked = await checkUpload(files, upload);
    if (!checked.ok) return checked;
    const copied = await files.copy({ from: upload.key, etag: checked.etag, to: objectOf(key, content.generation), content_type: content.content_type });
    if (copied !== "copied") return { ok: false, code: "media_mismatch" };
    return this.store.sql.transaction(() => {
      const known = this.store.readContent();
      const claimed = this.claimed(noted, content);
      if (known?.generation !== content.generation || !claimed.ok) return UNAVAILABLE;
      // Also where it was there before: what is done for one who sends it first and for one who doesn't is the same.
      this.store.commitContent({ ...known, state: "copied", changed_at: this.ports.now() });
      return claimed;
    });
  }

  /** Of somebody who sees it already. */
  private async claimAgain(reference: MediaReference): Promise<Result<Claimed>> {
    if (!this.store.exists()) return EXPIRED;
    const known = this.store.readContent();
    if (known?.state !== "copied") return EXPIRED;
    const { noted, content } = this.note(reference, known);
    const object = objectOf(content.key, content.generation);
    const head = await this.ports.files.head(object);
    if (head === null) return this.claimHeld(noted, content);
    if (this.ports.now() - content.changed_at > RENEW_MS) await this.renew(content, object, head.etag);
    return this.claimed(noted, content);
  }

  /** A rule of the store has deleted what a hold keeps: what is sent on is not to go with the hold. */
  private async claimHeld(noted: ReferenceRecord, content: ContentRecord): Promise<Result<Claimed>> {
    const held = this.keeping.heldObject(content.key);
    const head = held === null ? null : await this.ports.files.head(held);
    if (held === null || head === null) return EXPIRED;
    await this.renew(content, held, head.etag);
    return this.store.readContent()?.generation === content.generation ? UNAVAILABLE : this.claimed(noted, content);
  }

  /** In one turn, before anything is asked of the store: from here on the content has a reference. */
  private note(reference: MediaReference, file: Pick<ContentRecord, "key" | "content_type" | "size">): { noted: ReferenceRecord; content: ContentRecord } {
    const { store, ports } = this;
    const now = ports.now();
    return store.sql.transaction(() => {
      store.migrate();
      const known = store.readContent() ?? { ...file, generation: 0, next_generation: 1, changed_at: now };
      const state = "state" in known && known.state === "copied" ? ("copied" as const) : ("noted" as const);
      const content: ContentRecord = { ...known, ...file, state, idle_since: null };
      const noted = { ...reference, ...decideClaim(store.readReference(reference), now) };
      store.commitReference(noted);
      store.commitContent(content);
      this.keeping.claimed();
      ports.arm();
      return { noted, content };
    });
  }

  private claimed(noted: ReferenceRecord, { content_type, size }: ContentRecord): Result<Claimed> {
    const until = this.store.readReference(noted) === null ? null : appendableUntil(noted, this.ports.now());
    return until === null ? UNAVAILABLE : { ok: true, content_type, size, until };
  }

  /** A new object of the same bytes. It is to go, until it takes the place of the old one. */
  private async renew(content: ContentRecord, source: string, etag: string): Promise<void> {
    const { store, ports } = this;
    const from = objectOf(content.key, content.generation);
    const { fresh, to } = store.sql.transaction(() => {
      const known = store.readContent() as ContentRecord;
      const to = objectOf(known.key, known.next_generation);
      store.commitContent({ ...known, next_generation: known.next_generation + 1 });
      store.commitRemoval(to, ports.now() + LINGER_MS);
      ports.arm();
      return { fresh: known.next_generation, to };
    });
    if ((await ports.files.copy({ from: source, etag, to, content_type: content.content_type })) !== "copied") return;
    store.sql.transaction(() => {
      const known = store.readContent();
      if (known?.generation !== content.generation || !store.readRemovals().some(({ object }) => object === to)) return;
      store.commitNoRemoval(to);
      store.commitRemoval(from, ports.now() + LINGER_MS);
      store.commitContent({ ...known, generation: fresh, changed_at: ports.now() });
      ports.arm();
    });
  }

  /**
   * A message is gone, as somebody says, or is there again: its conversation is asked.
   * @param atOnce their sender was erased: asked now, since no append comes any more, and what nothing else refers to has no grace
   */
  release(references: readonly MediaReference[], atOnce: boolean): void {
    const { store, ports } = this;
    if (!store.exists()) return;
    store.sql.transaction(() => {
      for (const reference of references) {
        const known = store.readReference(reference) ?? NEVER_CLAIMED;
        store.commitReference({ ...reference, ...(atOnce ? { ...known, ask_at: ports.now() } : decideDoubt(known, ports.now())) });
      }
      const content = store.readContent();
      if (content !== null && content.idle_since !== null) store.commitContent({ ...content, idle_since: null });
      if (atOnce) this.keeping.hurry();
      ports.arm();
    });
  }

  /** Where it is, for whoever may have it. */
  locate(): Result<Located> {
    const content = this.store.exists() ? this.store.readContent() : null;
    if (content?.state !== "copied") return EXPIRED;
    const object = this.keeping.heldObject(content.key) ?? objectOf(content.key, content.generation);
    return { ok: true, object, content_type: content.content_type, size: content.size };
  }

  private async ask(now: number): Promise<void> {
    const due = Map.groupBy(this.store.readToAsk(now, ASKED), ({ conversation_id }) => conversation_id);
    const media_key = this.store.readContent()?.key;
    if (media_key === undefined) return;
    for (const [conversationId, asked] of due) {
      const words = await this.ports.ask(conversationId, { media_key, references: asked.map(({ sender_id, client_msg_id }) => ({ sender_id, client_msg_id })) })
        .catch((error: unknown) => {
          this.ports.failed("media_unasked", { media_key, conversation_id: conversationId }, error);
          return null;
        });
      this.store.sql.transaction(() => asked.forEach((reference, i) => this.hear(reference, words?.[i] ?? null)));
    }
  }

  /** @param word null: there was no answer */
  private hear(asked: ReferenceRecord, word: Word | null): void {
    const { store, ports } = this;
    const now = ports.now();
    const known = store.readReference(asked);
    if (word === null) {
      if (known?.claim === asked.claim) store.commitReference({ ...known, ask_at: decideAskAgain(known, now) });
      return;
    }
    const becomes = decideWord(known, asked, word, now);
    if (becomes === null) return;
    if (becomes !== "gone") return store.commitReference({ ...asked, ...becomes });
    store.commitGone(asked);
    this.keeping.referenceGone();
    const content = store.readContent();
    if (content !== null && !store.hasReferences()) store.commitContent({ ...content, idle_since: now });
  }

  private get idle(): ContentRecord | null {
    const content = this.store.exists() ? this.store.readContent() : null;
    return content === null || content.idle_since === null ? null : content;
  }

  private retireDue(): number | null {
    const { idle } = this;
    return idle === null || idle.state === "retired" ? null : decideRemoval(idle.idle_since, this.keeping.hurried ? 0 : this.ports.kept().grace_ms);
  }

  /** In one turn: nothing refers to it, and no claim is under way, since each has its reference. */
  private retire(): void {
    const { store, ports, idle } = this;
    if (idle === null || idle.state === "retired" || store.hasReferences()) return;
    store.sql.transaction(() => {
      store.commitRemoval(objectOf(idle.key, idle.generation), ports.now());
      store.commitContent({ ...idle, generation: idle.next_generation, next_generation: idle.next_generation + 1, state: "retired", changed_at: ports.now() });
    });
    count("media_retired");
  }

  private async remove(now: number): Promise<void> {
    const { store, ports } = this;
    for (const { object } of store.readRemovals().filter(({ due_at }) => due_at <= now)) {
      await ports.files.remove(object);
      store.sql.transaction(() => {
        store.commitNoRemoval(object);
        const content = store.readContent();
        if (content?.state === "retired") store.commitContent({ ...content, changed_at: ports.now() });
      });
      count("media_removed");
    }
  }

  /** Nothing is left to know, and nothing that was asked of the store can still come about. */
  private forgetDue(): number | null {
    const { idle } = this;
    if (idle?.state !== "retired" || this.claiming > 0 || this.store.readRemovals().length > 0) return null;
    return idle.changed_at + LINGER_MS;
  }

  private async forget(now: number): Promise<void> {
    if ((this.forgetDue() ?? Number.POSITIVE_INFINITY) <= now) await this.ports.forget();
  }
}
