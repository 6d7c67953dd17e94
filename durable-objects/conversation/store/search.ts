// SQL of search. words: the index, an FTS5 table without contents, there once something is indexed. What deletions leave in
// its pages goes when they are merged into one, and then from the database's free pages.
import { SEARCH_INDEX } from "../../../migrations/conversation/search.ts";
import type { Row, Sql } from "../../platform/sql.ts";
import type { EventRecord } from "../records.ts";
import { EVENT_COLUMNS, toEventRecord } from "./event-row.ts";

export interface SearchMarks {
  indexed_seq: number;
  /** ms; null: of no deleted message there is a word left. */
  untidy_since: number | null;
}

/** A message's tokens, parted by spaces. */
export interface IndexedDoc {
  seq: number;
  content: string;
  sender: string;
}

/** Pages of the index that one step merges: a bounded turn. */
const MERGE_PAGES = 32;
/** Bytes of one filler row: below the platform's 2 MB. And how many more are written than an index had: other pages are free too. */
const FILLER_BYTES = 1024 * 1024;
const FILLER_MORE = 256 * 1024;

export class SearchStore {
  private readonly sql: Sql;
  private isThere: boolean | null = null;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  readMarks(): SearchMarks {
    const row = this.sql.all("SELECT indexed_seq, untidy_since FROM watermarks WHERE id = 1")[0] as Row;
    return { indexed_seq: row["indexed_seq"] as number, untidy_since: row["untidy_since"] as number | null };
  }

  get exists(): boolean {
    this.isThere ??= this.sql.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'words'").length > 0;
    return this.isThere;
  }

  /** @param gone what is to be found by its older words no more, docs among them */
  commitIndexed(indexedSeq: number, gone: readonly number[], docs: readonly IndexedDoc[]): void {
    this.sql.transaction(() => {
      if (docs.length > 0 && !this.exists) this.sql.run(SEARCH_INDEX);
      if (this.exists || docs.length > 0) for (const seq of gone) this.sql.run("DELETE FROM words WHERE rowid = ?", seq);
      for (const { seq, content, sender } of docs) this.sql.run("INSERT INTO words (rowid, content, sender) VALUES (?, ?, ?)", seq, content, sender);
      this.sql.run("UPDATE watermarks SET indexed_seq = ? WHERE id = 1", indexedSeq);
    });
    if (docs.length > 0) this.isThere = true;
  }

  /** Within the commit of the deletion. */
  commitForgotten(seqs: readonly number[], untidySince: number): void {
    for (const seq of seqs) this.sql.run("DELETE FROM words WHERE rowid = ?", seq);
    this.sql.run("UPDATE watermarks SET untidy_since = coalesce(untidy_since, ?) WHERE id = 1", untidySince);
  }

  commitTidy(): void {
    this.sql.run("UPDATE watermarks SET untidy_since = NULL WHERE id = 1");
  }

  /** Which of these messages the index has words of. */
  readIndexed(seqs: readonly number[]): number[] {
    return this.sql.all("SELECT rowid AS seq FROM words WHERE rowid IN (SELECT value FROM json_each(?))", JSON.stringify(seqs)).map((row) => row["seq"] as number);
  }

  /** Bytes of the bodies from `from` on, in order; 0 where one is pruned. */
  readSizes(from: number, limit: number): number[] {
    return this.sql.all("SELECT coalesce(octet_length(body), 0) AS size FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", from, limit).map((row) => row["size"] as number);
  }

  /** Of the events from `from` on those that can change what is found, ascending. */
  readTail(from: number): EventRecord[] {
    return this.sql.all(`SELECT ${EVENT_COLUMNS} FROM events WHERE seq >= ? AND type IN ('msg', 'edit', 'delete') ORDER BY seq`, from).map(toEventRecord);
  }

  /** Seqs of messages, the newest first. @param expression made by `matchExpression` */
  find(expression: string, { from, to }: { from: number; to: number }, limit: number): number[] {
    return this.sql.all(
      "SELECT rowid AS seq FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?", expression, from, to, limit,
    ).map((row) => row["seq"] as number);
  }

  /** One step towards one page tree without anything deleted. @returns whether there is more to do */
  mergeStep(first: boolean): boolean {
    const before = this.changes();
    // Negative: all trees are to become one. What has begun so goes on with positive ones.
    this.sql.run("INSERT INTO words (words, rank) VALUES ('merge', ?)", first ? -MERGE_PAGES : MERGE_PAGES);
    return this.changes() - before >= 2;
  }

  readIndexBytes(): number {
    return (this.sql.all("SELECT sum(length(block)) AS bytes FROM words_data")[0]?.["bytes"] as number | null) ?? 0;
  }

  /**
   * The pages that a merge has freed keep their bytes until they are used again: something empty uses them, until `giveFreed`. Not in
   * one commit: of a page that is freed in the transaction that wrote it SQLite writes nothing. @param bytes of the index before
   */
  takeFreed(bytes: number): void {
    this.sql.transaction(() => {
      this.sql.run("CREATE TABLE IF NOT EXISTS filler (id INTEGER PRIMARY KEY, empty BLOB NOT NULL) STRICT");
      for (let left = bytes + FILLER_MORE; left > 0; left -= FILLER_BYTES) this.sql.run("INSERT INTO filler (empty) VALUES (zeroblob(?))", Math.min(left, FILLER_BYTES));
    });
  }

  giveFreed(): void {
    this.sql.run("DROP TABLE IF EXISTS filler");
  }

  /** The index gives its pages back, and leaves each message's tokens in a table until `putUp`. Both in one transaction. */
  takeDown(): void {
    if (!this.exists) return;
    this.sql.run("CREATE VIRTUAL TABLE scrub_terms USING fts5vocab('words', 'instance')");
    this.sql.run(`CREATE TABLE scrub_docs AS SELECT doc, group_concat(CASE WHEN col = 'content' THEN term END, ' ' ORDER BY "offset") AS content,
      max(CASE WHEN col = 'sender' THEN term END) AS sender FROM scrub_terms GROUP BY doc`);
    this.sql.run("DROP TABLE scrub_terms");
    this.sql.run("DROP TABLE words");
  }

  putUp(): void {
    if (!this.exists) return;
    this.sql.run(SEARCH_INDEX);
    this.sql.run("INSERT INTO words (rowid, content, sender) SELECT doc, content, sender FROM scrub_docs ORDER BY doc");
    this.sql.run("DROP TABLE scrub_docs");
  }

  private changes(): number {
    return this.sql.all("SELECT total_changes() AS changes")[0]?.["changes"] as number;
  }
}
