// An archived conversation to be audited: the embedded store in a folder, whose file a test may alter behind its back, and an
// edge that answers as the conversation's object does.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach } from "vitest";
import type { ArchiveAcked } from "../../protocol/archive.ts";
import { archiveRun } from "../../archiver/archive.ts";
import { type Audited, auditConversation } from "../../archiver/audit/audit.ts";
import { Budget } from "../../archiver/budget.ts";
import { TEXT_BYTES } from "../../archiver/checked-segment.ts";
import { AckRefused, type Edge, EdgeUnavailable } from "../../archiver/edge.ts";
import type { SegmentBucket, StoredObject } from "../../archiver/s3.ts";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { segment, type Segment, sha256 } from "./segments.ts";

export const RETENTION_S = 220_752_000;
export const AT = Date.UTC(2026, 10, 20, 12);

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

/** Cuts a run into segments that carry the chain, as a conversation seals them. */
export function chained(events: readonly SegmentEvent[], length: number): Segment[] {
  const first = events[0] as SegmentEvent;
  let chain = first.seq === 1 ? chainStart(first.conversation_id, sha256) : null;
  return Array.from({ length: Math.ceil(events.length / length) }, (_, i) => {
    const cut = events.slice(i * length, (i + 1) * length);
    const before = chain;
    chain = before === null ? null : chainOver(before, cut, sha256);
    return segment(cut, before === null || chain === null ? {} : { chain_before: before, chain });
  });
}

/** What the conversation's object knows. */
export class OwnEdge implements Pick<Edge, "ack" | "wrong" | "holdFiles" | "chain" | "links"> {
  readonly events: readonly SegmentEvent[];
  readonly checkpoints: { seq: number; chain: string }[] = [];
  archivedSeq: number;
  /** Calls for links so far. */
  linkCalls = 0;
  down: "no" | "unreachable" | "absent" = "no";

  constructor(events: readonly SegmentEvent[], every: number) {
    this.events = events;
    this.archivedSeq = events.length;
    let chain = chainStart((events[0] as SegmentEvent).conversation_id, sha256);
    for (const event of events) {
      chain = chainOver(chain, [event], sha256);
      if (event.seq % every === 0 || event.seq === events.length) this.checkpoints.push({ seq: event.seq, chain });
    }
  }

  async ack(): Promise<ArchiveAcked> {
    return { archived_seq: this.archivedSeq };
  }

  async wrong(): Promise<boolean> {
    return false;
  }

  async holdFiles(): Promise<void> {
    throw new Error("no message here has a file");
  }

  async chain({ after }: { after: number }): ReturnType<Edge["chain"]> {
    if (this.down === "unreachable") throw new EdgeUnavailable("no route");
    if (this.down === "absent") throw new AckRefused(404, "not_found");
    return {
      epoch: 1, head_seq: this.events.length, archived_seq: this.archivedSeq, chained_seq: this.checkpoints.at(-1)?.seq ?? 0,
      // Small pages, so that paging is tried.
      checkpoints: this.checkpoints.filter(({ seq }) => seq > after).slice(0, 3),
    };
  }

  async links({ from, to }: { from: number; to: number }): ReturnType<Edge["links"]> {
    this.linkCalls += 1;
    return this.events.slice(from - 1, Math.min(to, from + 6)).map((event) => ({
      seq: event.seq, msg_id: event.msg_id, content_hash: event.content_hash, type: event.type, sender_id: event.sender_id,
      client_msg_id: event.client_msg_id ?? null, msg_no: event.type === "msg" ? event.msg_no : null, erased: event.erased !== undefined,
    }));
  }
}

/** A bucket that holds what it is given. */
export function bucketOf(segments: readonly Segment[]): SegmentBucket {
  const objects = new Map(segments.map(({ key, metadata, bytes }): [string, StoredObject] => [key, { metadata, bytes }]));
  const listed = () => [...objects].map(([key, { bytes }]) => ({ key, size: bytes.length, etag: "", modified_at: 0 }));
  return {
    async *list() {
      yield listed();
    },
    page: async () => ({ objects: listed(), more: false }),
    read: async (key) => objects.get(key) ?? null,
    put: async (key, object) => void objects.set(key, object),
    delete: async (key) => void objects.delete(key),
    close: () => undefined,
  };
}

export class Archived {
  readonly store: SqliteStore;
  readonly edge: OwnEdge;
  readonly folder: string;
  readonly conversation: string;
  now = AT + 3_600_000;

  private constructor(events: readonly SegmentEvent[], length: number) {
    this.folder = mkdtempSync(path.join(tmpdir(), "confab-audit-"));
    this.store = new SqliteStore(this.folder, RETENTION_S, () => this.now);
    this.edge = new OwnEdge(events, length);
    this.conversation = (events[0] as SegmentEvent).conversation_id;
    undo.push(() => this.store.close(), () => rmSync(this.folder, { recursive: true }));
  }

  /** Archives `events` in segments of `length`, in this order. @param cut how a run becomes segments */
  static async of(events: readonly SegmentEvent[], length: number, cut = chained, order = (made: Segment[]) => made): Promise<Archived> {
    const archived = new Archived(events, length);
    await archived.store.open();
    await archived.archive(order(cut(events, length)));
    return archived;
  }

  async archive(segments: readonly Segment[]): Promise<void> {
    const bucket = bucketOf(segments);
    for (const { key } of segments) {
      await archiveRun([key], { bucket, store: this.store, edge: this.edge, retentionS: RETENTION_S, texts: new Budget(TEXT_BYTES), now: () => this.now, checkpoint: () => undefined });
    }
  }

  /** Behind the archiver's back. */
  alter(sql: string, ...bindings: (string | number | null)[]): void {
    const db = new DatabaseSync(path.join(this.folder, "archive.sqlite"));
    try {
      db.prepare(sql).run(...bindings);
    } finally {
      db.close();
    }
  }

  /** Two rows get one another's columns. */
  exchange(columns: readonly string[], a: number, b: number): void {
    const db = new DatabaseSync(path.join(this.folder, "archive.sqlite"));
    try {
      const read = (seq: number) => db.prepare(`SELECT message_id, ${columns.join(", ")} FROM messages WHERE seq = ?`).get(seq) as Record<string, string>;
      const [one, other] = [read(a), read(b)];
      const write = db.prepare(`UPDATE messages SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE message_id = ?`);
      write.run(...columns.map((column) => other[column] as string), one["message_id"] as string);
      write.run(...columns.map((column) => one[column] as string), other["message_id"] as string);
    } finally {
      db.close();
    }
  }

  audit(thorough = true): Promise<Audited> {
    return auditConversation(this.conversation, {
      store: this.store, edge: this.edge, retentionS: RETENTION_S, now: () => this.now, signal: new AbortController().signal, thorough,
    });
  }

  /** The findings as `kind from-to`. */
  async found(thorough = true): Promise<string[]> {
    return (await this.audit(thorough)).findings.map(({ kind, from_seq, to_seq }) => `${kind} ${from_seq}${to_seq === from_seq ? "" : `-${to_seq}`}`);
  }
}
