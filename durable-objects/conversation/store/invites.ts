// SQL of invitations. What is kept of a token is the SHA-256 of its secret.
import type { Row, Sql } from "../../platform/sql.ts";
import type { Invite } from "../../../protocol/rest/groups.ts";

export interface InviteRecord extends Invite {
  token_hash: string;
}

const COLUMNS = "invite_id, token_hash, created_by, created_at, expires_at, uses_left";

export class InvitesStore {
  private readonly sql: Sql;

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** Those that stand, the newest first. */
  readStanding(now: number): InviteRecord[] {
    return this.sql.all(`SELECT ${COLUMNS} FROM invites WHERE expires_at > ? ORDER BY created_at DESC, invite_id`, now).map(toInvite);
  }

  read(inviteId: string): InviteRecord | null {
    const row = this.sql.all(`SELECT ${COLUMNS} FROM invites WHERE invite_id = ?`, inviteId)[0];
    return row === undefined ? null : toInvite(row);
  }

  /** A new one; those that have ended go. */
  commitMade(invite: InviteRecord): void {
    this.sql.transaction(() => {
      this.sql.run("DELETE FROM invites WHERE expires_at <= ?", invite.created_at);
      this.sql.run(
        `INSERT INTO invites (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
        invite.invite_id, invite.token_hash, invite.created_by, invite.created_at, invite.expires_at, invite.uses_left,
      );
    });
  }

  /** One use less; the last one ends it. */
  commitUsed(invite: InviteRecord): void {
    if (invite.uses_left <= 1) this.commitRevoked(invite.invite_id);
    else this.sql.run("UPDATE invites SET uses_left = uses_left - 1 WHERE invite_id = ?", invite.invite_id);
  }

  commitRevoked(inviteId: string): void {
    this.sql.run("DELETE FROM invites WHERE invite_id = ?", inviteId);
  }
}

function toInvite(row: Row): InviteRecord {
  return {
    invite_id: row["invite_id"] as string,
    token_hash: row["token_hash"] as string,
    created_by: row["created_by"] as string,
    created_at: row["created_at"] as number,
    expires_at: row["expires_at"] as number,
    uses_left: row["uses_left"] as number,
  };
}
