// SQL of the session's push queue, and of the devices that pushes go to.
import type { DeviceBody, RegisteredDevice } from "../../../protocol/rest/inbox.ts";
import type { Sql } from "../../platform/sql.ts";

export interface PushRecord {
  conversation_id: string;
  /** The first message that it speaks of. */
  from_seq: number;
  queued_at: number;
}

export class PushStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  has(conversationId: string): boolean {
    return this.sql.all("SELECT 1 FROM pushes WHERE conversation_id = ?", conversationId).length > 0;
  }

  /** How far the newest push speaks that was ever queued for a conversation; 0: there was none. */
  readPushedSeq(conversationId: string): number {
    return (this.sql.all("SELECT pushed_seq FROM inbox WHERE conversation_id = ?", conversationId)[0]?.["pushed_seq"] as number | undefined) ?? 0;
  }

  /** @param pushedSeq how far it speaks by now; the conversation has a row in the inbox, which keeps it */
  commitQueued(push: PushRecord, pushedSeq: number): void {
    this.sql.transaction(() => {
      this.sql.run(
        "INSERT INTO pushes (conversation_id, from_seq, queued_at) VALUES (?, ?, ?) ON CONFLICT (conversation_id) DO NOTHING",
        push.conversation_id, push.from_seq, push.queued_at,
      );
      this.sql.run("UPDATE inbox SET pushed_seq = ? WHERE conversation_id = ?", pushedSeq, push.conversation_id);
    });
  }

  commitDropped(conversationId: string): void {
    this.sql.run("DELETE FROM pushes WHERE conversation_id = ?", conversationId);
  }

  /** The oldest first. */
  readQueue(): PushRecord[] {
    return this.sql.all("SELECT conversation_id, from_seq, queued_at FROM pushes ORDER BY queued_at, conversation_id").map((row) => ({
      conversation_id: row["conversation_id"] as string,
      from_seq: row["from_seq"] as number,
      queued_at: row["queued_at"] as number,
    }));
  }

  /** A token stands for one device: it replaces whatever else was registered with it. Beyond `most` the oldest ones go. */
  commitDevice(device: RegisteredDevice & DeviceBody, most: number): void {
    this.sql.transaction(() => {
      this.sql.run("DELETE FROM devices WHERE token = ? AND platform = ? AND device_id <> ?", device.token, device.platform, device.device_id);
      this.sql.run(
        `INSERT INTO devices (device_id, platform, token, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET
           platform = excluded.platform, token = excluded.token, updated_at = excluded.updated_at`,
        device.device_id, device.platform, device.token, device.updated_at,
      );
      this.sql.run("DELETE FROM devices WHERE device_id NOT IN (SELECT device_id FROM devices ORDER BY updated_at DESC, device_id LIMIT ?)", most);
    });
  }

  /** False: there was none. */
  commitForgotten(deviceId: string): boolean {
    return this.sql.all("DELETE FROM devices WHERE device_id = ? RETURNING device_id", deviceId).length > 0;
  }

  readDevices(): RegisteredDevice[] {
    return this.sql.all("SELECT device_id, platform, updated_at FROM devices ORDER BY updated_at DESC, device_id").map((row) => ({
      device_id: row["device_id"] as string,
      platform: row["platform"] as DeviceBody["platform"],
      updated_at: row["updated_at"] as number,
    }));
  }
}
