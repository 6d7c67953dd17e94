// SQL of the user's uploads that wait to be sent.
import type { PartEtags, Upload } from "../../../protocol/rpc/media.ts";
import type { Row, Sql } from "../../platform/sql.ts";

const UPLOAD = "key, kind, content_type, size, sha256, upload_id, created_at";

export class UploadStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  read(key: string): Upload | null {
    const row = this.sql.all(`SELECT ${UPLOAD} FROM uploads WHERE key = ?`, key)[0];
    return row === undefined ? null : toUpload(row);
  }

  /** How many wait, and since when the oldest does. */
  readWaiting(): { count: number; oldest: number | null } {
    const row = this.sql.all("SELECT count(*) AS count, min(created_at) AS oldest FROM uploads")[0];
    return { count: row?.["count"] as number, oldest: row?.["oldest"] as number | null };
  }

  readEtags(key: string): PartEtags {
    return this.sql.all("SELECT part, etag FROM upload_parts WHERE key = ? ORDER BY part", key).map((row) => ({ part: row["part"] as number, etag: row["etag"] as string }));
  }

  commit(upload: Upload): void {
    const { key, kind, content_type, size, sha256, upload_id, created_at } = upload;
    this.sql.run(`INSERT INTO uploads (${UPLOAD}) VALUES (?, ?, ?, ?, ?, ?, ?)`, key, kind, content_type, size, sha256, upload_id, created_at);
  }

  /** The first that is set stays. */
  commitUploadId(key: string, uploadId: string): void {
    this.sql.run("UPDATE uploads SET upload_id = ? WHERE key = ? AND upload_id IS NULL", uploadId, key);
  }

  /** The last that is said of a part counts: only what was written last is in the store. */
  commitEtags(key: string, etags: PartEtags): void {
    this.sql.transaction(() => {
      for (const { part, etag } of etags) {
        this.sql.run("INSERT INTO upload_parts (key, part, etag) VALUES (?, ?, ?) ON CONFLICT (key, part) DO UPDATE SET etag = excluded.etag", key, part, etag);
      }
    });
  }

  commitGone(key: string): void {
    this.sql.transaction(() => {
      this.sql.run("DELETE FROM upload_parts WHERE key = ?", key);
      this.sql.run("DELETE FROM uploads WHERE key = ?", key);
    });
  }

  /** Those of `at` and before, ms. */
  commitExpired(at: number): void {
    this.sql.transaction(() => {
      this.sql.run("DELETE FROM upload_parts WHERE key IN (SELECT key FROM uploads WHERE created_at <= ?)", at);
      this.sql.run("DELETE FROM uploads WHERE created_at <= ?", at);
    });
  }
}

function toUpload(row: Row): Upload {
  return {
    key: row["key"] as string,
    kind: row["kind"] as Upload["kind"],
    content_type: row["content_type"] as string,
    size: row["size"] as number,
    sha256: row["sha256"] as string,
    upload_id: row["upload_id"] as string | null,
    created_at: row["created_at"] as number,
  };
}
