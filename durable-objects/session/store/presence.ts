// SQL of a user's presence: who watches, what they were told, when the user was last there, and what is private.
import type { PresenceStatus } from "../../../protocol/frames/presence.ts";
import type { Sql } from "../../platform/sql.ts";

export interface WatcherRecord {
  user_id: string;
  device_id: string;
  until: number;
}

export class PresenceStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  commitWatcher(watcher: WatcherRecord): void {
    this.sql.run(
      "INSERT INTO watchers (user_id, device_id, until) VALUES (?, ?, ?) ON CONFLICT (user_id, device_id) DO UPDATE SET until = excluded.until",
      watcher.user_id, watcher.device_id, watcher.until,
    );
  }

  commitUnwatched(userId: string, deviceId: string): void {
    this.sql.run("DELETE FROM watchers WHERE user_id = ? AND device_id = ?", userId, deviceId);
  }

  commitEnded(now: number): void {
    this.sql.run("DELETE FROM watchers WHERE until <= ?", now);
  }

  commitStatus(told: PresenceStatus, lastSeen: number | null): void {
    this.sql.run("UPDATE session SET told = ?, last_seen = ? WHERE id = 1", told, lastSeen);
  }

  readWatchers(): WatcherRecord[] {
    return this.sql.all("SELECT user_id, device_id, until FROM watchers").map((row) => ({
      user_id: row["user_id"] as string,
      device_id: row["device_id"] as string,
      until: row["until"] as number,
    }));
  }

  readStatus(): { told: PresenceStatus; last_seen: number | null } {
    const row = this.sql.all("SELECT told, last_seen FROM session WHERE id = 1")[0];
    return { told: (row?.["told"] ?? "OFFLINE") as PresenceStatus, last_seen: (row?.["last_seen"] ?? null) as number | null };
  }

  /** Is this user a member of any of these groups? */
  readShares(groups: readonly string[]): boolean {
    if (groups.length === 0) return false;
    return this.sql.all(
      "SELECT 1 FROM inbox WHERE conversation_id IN (SELECT value FROM json_each(?)) AND left_at IS NULL LIMIT 1", JSON.stringify(groups),
    ).length > 0;
  }

  /** The groups that were active last. */
  readGroups(limit: number): string[] {
    return this.sql.all("SELECT conversation_id FROM inbox WHERE left_at IS NULL AND kind <> 'direct' ORDER BY last_at DESC LIMIT ?", limit)
      .map((row) => row["conversation_id"] as string);
  }

  readDirect(conversationId: string): boolean {
    return this.sql.all("SELECT 1 FROM inbox WHERE conversation_id = ? AND left_at IS NULL", conversationId).length > 0;
  }

  readBlocked(userId: string): boolean {
    return this.sql.all("SELECT 1 FROM blocks WHERE user_id = ? AND blocked = 1", userId).length > 0;
  }

  readBlocks(): Set<string> {
    return new Set(this.sql.all("SELECT user_id FROM blocks WHERE blocked = 1").map((row) => row["user_id"] as string));
  }

  readHidesLastSeen(): boolean {
    const row = this.sql.all("SELECT json_extract(profile, '$.hide_last_seen') AS hidden FROM session WHERE id = 1")[0];
    return row?.["hidden"] === 1;
  }
}
