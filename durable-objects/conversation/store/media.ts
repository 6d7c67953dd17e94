// SQL of the files that messages carry. media: by the message's seq. media_releases: messages that have let go of theirs, or came
// back with one out of a restore: their files' Blobs are to ask about them.
import type { Sql } from "../../platform/sql.ts";

export interface ReleaseRecord {
  no: number;
  media_key: string;
  sender_id: string;
  client_msg_id: string;
  /** 1: its sender was erased */
  at_once: number;
}

export class MediaStore {
  private readonly sql: Sql;
  /** Whether releases wait; null until it was looked for. */
  private waiting: boolean | null = null;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** Within the commit of the message. */
  commitCarried(seq: number, mediaKey: string): void {
    this.sql.run("INSERT INTO media (seq, media_key) VALUES (?, ?)", seq, mediaKey);
  }

  /** Within the commit that takes the message's content. */
  commitLetGo(seq: number, senderId: string, clientMsgId: string, atOnce: boolean): void {
    const mediaKey = this.readKey(seq);
    if (mediaKey === null) return;
    this.sql.run("DELETE FROM media WHERE seq = ?", seq);
    this.commitToTell(mediaKey, senderId, clientMsgId, atOnce);
  }

  /** Within the commit of a restored message: what its Blob knew of it may be what was lost. */
  commitCarriedAgain(seq: number, mediaKey: string, senderId: string, clientMsgId: string): void {
    this.commitCarried(seq, mediaKey);
    this.commitToTell(mediaKey, senderId, clientMsgId, false);
  }

  private commitToTell(mediaKey: string, senderId: string, clientMsgId: string, atOnce: boolean): void {
    this.sql.run("INSERT INTO media_releases (media_key, sender_id, client_msg_id, at_once) VALUES (?, ?, ?, ?)", mediaKey, senderId, clientMsgId, Number(atOnce));
    this.waiting = true;
  }

  readKey(seq: number): string | null {
    return (this.sql.all("SELECT media_key FROM media WHERE seq = ?", seq)[0]?.["media_key"] as string | undefined) ?? null;
  }

  /** The newest message of a run that carries a file. */
  readNewest(mediaKey: string, from: number, to: number): number | null {
    const row = this.sql.all("SELECT max(seq) AS seq FROM media WHERE media_key = ? AND seq BETWEEN ? AND ?", mediaKey, from, to)[0];
    return (row?.["seq"] as number | null | undefined) ?? null;
  }

  hasReleases(): boolean {
    this.waiting ??= this.sql.all("SELECT 1 FROM media_releases LIMIT 1").length > 0;
    return this.waiting;
  }

  countReleases(): number {
    return this.sql.all("SELECT count(*) AS count FROM media_releases")[0]?.["count"] as number;
  }

  readReleases(limit: number): ReleaseRecord[] {
    return this.sql.all("SELECT no, media_key, sender_id, client_msg_id, at_once FROM media_releases ORDER BY no LIMIT ?", limit) as unknown as ReleaseRecord[];
  }

  commitReleased(releases: readonly ReleaseRecord[]): void {
    this.sql.run("DELETE FROM media_releases WHERE no IN (SELECT value FROM json_each(?))", JSON.stringify(releases.map(({ no }) => no)));
    this.waiting = null;
  }
}
