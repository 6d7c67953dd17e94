// Keeping a content beyond its time, and what the sweep finds of it. A held content lies below `h/` as well, where no rule of the store
// deletes; a copy is to go until it is known to be there, so that whatever dies leaves nothing behind.
import { decideFate, goes, type Known } from "../../domain/media-fate.ts";
import type { ListedContent, Fate, MediaHold, MediaKept } from "../../protocol/media-keeping.ts";
import type { Files } from "./checking.ts";
import { LINGER_MS, objectOf } from "./objects.ts";
import type { BlobStore, ContentRecord } from "./store.ts";
import { KeepingStore } from "./store/keeping.ts";

/** A content that is renewed meanwhile is copied from where it is then. */
const TRIES = 3;

export interface KeepingPorts {
  files: Pick<Files, "head" | "copy">;
  kept(): Pick<MediaKept, "retention_ms" | "grace_ms">;
  now(): number;
  arm(): void;
  claiming(): boolean;
}

/** Of `m/<hex>`, one of its objects below `h/`. */
function heldObjectOf(key: string, generation: number): string {
  return objectOf(`h/${key.slice("m/".length)}`, generation);
}

export class Keeping {
  private readonly store: BlobStore;
  private readonly rows: KeepingStore;
  private readonly ports: KeepingPorts;

  constructor(store: BlobStore, ports: KeepingPorts) {
    this.store = store;
    this.rows = new KeepingStore(store.sql);
    this.ports = ports;
  }

  /** Where a held content is; null for one that is not held. */
  heldObject(key: string): string | null {
    const { held_generation } = this.rows.read();
    return held_generation === null ? null : heldObjectOf(key, held_generation);
  }

  /** It goes without a grace once nothing refers to it. */
  get hurried(): boolean {
    return this.rows.read().hurried;
  }

  /** Within a commit. */
  hurry(): void {
    this.rows.commitHurried(true);
  }

  /** Within the commit of a claim: somebody else has it now. */
  claimed(): void {
    this.rows.commitHurried(false);
  }

  /** Within the commit that takes a reference. */
  referenceGone(): void {
    if (!this.rows.hasHolds()) return;
    this.rows.commitNoIdleHolds();
    this.letGo();
  }

  async hold({ hold, held }: { hold: MediaHold; held: boolean }): Promise<{ kept: boolean }> {
    const { store, rows } = this;
    if (!store.exists()) return { kept: false };
    if (!held) {
      store.sql.transaction(() => {
        rows.commitNoHold(hold);
        this.letGo();
      });
      return { kept: false };
    }
    if (!rows.concerns(hold)) return { kept: false };
    rows.commitHold(hold);
    for (let tries = 0; tries < TRIES && rows.read().held_generation === null; tries += 1) {
      const content = store.readContent();
      if (content?.state !== "copied" || (await this.copy(content, hold)) === "absent") break;
    }
    return { kept: this.orNone(hold) };
  }

  /** What is gone can't be held. */
  private orNone(hold: MediaHold): boolean {
    const { store, rows } = this;
    if (rows.read().held_generation !== null) return rows.hasHold(hold);
    store.sql.transaction(() => rows.commitNoHold(hold));
    return false;
  }

  private async copy(content: ContentRecord, hold: MediaHold): Promise<"copied" | "absent" | "changed"> {
    const { store, rows, ports } = this;
    const from = objectOf(content.key, content.generation);
    const head = await ports.files.head(from);
    if (head === null) return store.readContent()?.generation === content.generation ? "absent" : "changed";
    const generation = this.nextGeneration();
    const to = heldObjectOf(content.key, generation);
    const copied = await ports.files.copy({ from, etag: head.etag, to, content_type: content.content_type });
    if (copied !== "copied") return store.readContent()?.generation === content.generation ? copied : "changed";
    store.sql.transaction(() => {
      // Somebody else may have been faster, or it is not held any more.
      if (rows.read().held_generation !== null || !rows.hasHold(hold) || !store.readRemovals().some(({ object }) => object === to)) return;
      store.commitNoRemoval(to);
      rows.commitHeldGeneration(generation);
    });
    return "copied";
  }

  private nextGeneration(): number {
    const { store, ports } = this;
    return store.sql.transaction(() => {
      const content = store.readContent() as ContentRecord;
      store.commitContent({ ...content, next_generation: content.next_generation + 1 });
      store.commitRemoval(heldObjectOf(content.key, content.next_generation), ports.now() + LINGER_MS);
      ports.arm();
      return content.next_generation;
    });
  }

  /** Within a commit: nothing holds it any more. */
  private letGo(): void {
    const { store, rows, ports } = this;
    const { held_generation } = rows.read();
    const content = store.readContent();
    if (held_generation === null || content === null || rows.hasHolds()) return;
    store.commitRemoval(heldObjectOf(content.key, held_generation), ports.now() + LINGER_MS);
    rows.commitHeldGeneration(null);
    ports.arm();
  }

  sweep({ key, objects, now, dry_run }: { key: string; objects: readonly ListedContent[]; now: number; dry_run: boolean }): { name: string; fate: Fate }[] {
    const { store, ports } = this;
    const fates = objects.map((found) => ({ name: found.name, fate: this.fateOf(key, found, now) }));
    const gone = fates.filter(({ fate }) => goes(fate));
    if (dry_run || gone.length === 0) return fates;
    store.sql.transaction(() => {
      store.migrate();
      for (const { name } of gone) this.giveUp(key, name);
      ports.arm();
    });
    return fates;
  }

  private fateOf(key: string, { name, at }: ListedContent, now: number): Fate {
    const { store, ports } = this;
    const found = { held: name.startsWith("h/"), generation: generationOf(name), age: now - at };
    const leaving = store.exists() && store.readRemovals().some(({ object }) => object === name);
    return decideFate(found, leaving, this.known(key), ports.kept());
  }

  private known(key: string): Known | null {
    const { store, ports } = this;
    const content = store.exists() ? store.readContent() : null;
    if (content === null) return null;
    if (content.key !== key) throw new Error(`this is not the content ${key}`);
    const { generation, state, changed_at, idle_since } = content;
    const now = ports.now();
    return { generation, state, age: now - changed_at, idle: idle_since === null ? null : now - idle_since, claiming: ports.claiming(), heldGeneration: this.rows.read().held_generation };
  }

  /** Within a commit: the object goes, and its name is never used again. */
  private giveUp(key: string, name: string): void {
    const { store, ports } = this;
    const now = ports.now();
    const generation = generationOf(name);
    const known = store.readContent();
    if (store.readRemovals().some(({ object }) => object === name)) return;
    store.commitRemoval(name, now);
    const { next_generation } = known ?? { next_generation: 0 };
    const next = Math.max(next_generation, generation + 1);
    if (known === null) {
      store.commitContent({ key, content_type: "application/octet-stream", size: 0, generation: next, next_generation: next + 1, state: "retired", changed_at: now, idle_since: now });
    } else if (name === objectOf(key, known.generation)) {
      const state = known.idle_since === null ? "noted" : "retired";
      store.commitContent({ ...known, generation: next, next_generation: next + 1, state, changed_at: now });
    } else if (next !== next_generation) {
      store.commitContent({ ...known, next_generation: next });
    }
  }
}

function generationOf(name: string): number {
  const [, generation] = name.split(".");
  return generation === undefined ? 0 : Number(generation);
}
