// SQL of the session's user: their account in the `session` row, what the directory has still to hear, and their blocks.
import { type Account, type Block, EMPTY_PROFILE, type Profile } from "../../../protocol/users.ts";
import type { Bucket } from "../../../domain/rate-limit.ts";
import type { Sql } from "../../platform/sql.ts";

export interface AccountRecord extends Pick<Account, "registered_at" | "deactivated_at" | "revoked_before"> {
  profile: Profile;
  directory_rev: number;
  /** ms; null unless the user was erased, and is still out */
  erased_at: number | null;
}

/** Something that the directory has to hear. `handle`: '' for the words of the shard. */
export interface OutboxRecord {
  shard: string;
  handle: string;
  rev: number;
}

export interface BlockRecord extends Block {
  blocked: boolean;
  /** Does the direct conversation know? */
  told: boolean;
}

export class UserStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  readAccount(): AccountRecord | null {
    const row = this.sql.all("SELECT registered_at, profile, directory_rev, revoked_before, deactivated_at, erased_at FROM session WHERE id = 1")[0];
    if (row === undefined) return null;
    return {
      registered_at: row["registered_at"] as number,
      profile: { ...EMPTY_PROFILE, ...(JSON.parse(row["profile"] as string) as Partial<Profile>) },
      directory_rev: row["directory_rev"] as number,
      revoked_before: row["revoked_before"] as number,
      deactivated_at: row["deactivated_at"] as number | null,
      erased_at: row["erased_at"] as number | null,
    };
  }

  /** The account, and with it what the directory is to hear and what it need no longer. */
  commitAccount(account: AccountRecord, owed: readonly Omit<OutboxRecord, "rev">[], settled: readonly string[]): void {
    this.sql.transaction(() => {
      this.sql.run(
        "UPDATE session SET profile = ?, directory_rev = ?, revoked_before = ?, deactivated_at = ?, erased_at = ? WHERE id = 1",
        JSON.stringify(account.profile), account.directory_rev, account.revoked_before, account.deactivated_at, account.erased_at,
      );
      for (const handle of settled) this.sql.run("DELETE FROM directory_outbox WHERE handle = ?", handle);
      for (const { shard, handle } of owed) {
        this.sql.run(
          "INSERT INTO directory_outbox (shard, handle, rev) VALUES (?, ?, ?) ON CONFLICT (shard, handle) DO UPDATE SET rev = excluded.rev",
          shard, handle, account.directory_rev,
        );
      }
    });
  }

  /** Before something shorter takes its place. No reader comes in between. */
  commitProfileBlank(): void {
    this.sql.run("UPDATE session SET profile = '{' || replace(hex(zeroblob(length(CAST(profile AS BLOB)) - 2)), '00', ' ') || '}' WHERE id = 1 AND length(profile) > 2");
  }

  readOutbox(limit: number): OutboxRecord[] {
    return this.sql.all("SELECT shard, handle, rev FROM directory_outbox ORDER BY rev LIMIT ?", limit)
      .map((row) => ({ shard: row["shard"] as string, handle: row["handle"] as string, rev: row["rev"] as number }));
  }

  /** The directory has heard of it, as it was at `rev`. */
  commitHeard({ shard, handle, rev }: OutboxRecord): void {
    this.sql.run("DELETE FROM directory_outbox WHERE shard = ? AND handle = ? AND rev <= ?", shard, handle, rev);
  }

  readBlocks(): BlockRecord[] {
    return this.sql.all("SELECT user_id, at, blocked, told FROM blocks ORDER BY at, user_id").map((row) => ({
      user_id: row["user_id"] as string, at: row["at"] as number, blocked: row["blocked"] === 1, told: row["told"] === 1,
    }));
  }

  commitBlock(block: BlockRecord): void {
    this.sql.run(
      `INSERT INTO blocks (user_id, at, blocked, told) VALUES (?, ?, ?, ?)
         ON CONFLICT (user_id) DO UPDATE SET at = excluded.at, blocked = excluded.blocked, told = excluded.told`,
      block.user_id, block.at, block.blocked ? 1 : 0, block.told ? 1 : 0,
    );
  }

  commitUnblocked(userId: string): void {
    this.sql.run("DELETE FROM blocks WHERE user_id = ?", userId);
  }

  readQuotas(): Record<string, Bucket> {
    return JSON.parse((this.sql.all("SELECT quotas FROM session WHERE id = 1")[0]?.["quotas"] as string | undefined) ?? "{}") as Record<string, Bucket>;
  }

  commitQuotas(quotas: Record<string, Bucket>): void {
    this.sql.run("UPDATE session SET quotas = ? WHERE id = 1", JSON.stringify(quotas));
  }
}
