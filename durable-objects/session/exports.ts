// What a session keeps of its user, for their own record of it.
import type { Result } from "../../protocol/rpc.ts";
import type { ExportedRow, ExportedUser } from "../../protocol/rpc/exports.ts";
import type { Blocks } from "./blocks.ts";
import type { SessionCore } from "./core.ts";
import { toRow } from "./inbox-row.ts";
import type { Profiles } from "./profile.ts";
import type { Pushes } from "./pushes.ts";

export function exportUser(profiles: Profiles, pushes: Pushes, blocks: Blocks): Result<{ user: ExportedUser }> {
  const read = profiles.readAccount();
  return read.ok ? { ok: true, user: { account: read.account, devices: pushes.devices(), blocks: blocks.list() } } : read;
}

export function exportInbox(core: SessionCore, { after, limit }: { after: string; limit: number }): Result<{ rows: ExportedRow[]; next: string | null }> {
  if (core.account === null) return { ok: false, code: "unknown_user" };
  const rows = core.store.readInboxById(after, limit);
  return { ok: true, rows: rows.map((row) => ({ ...toRow(row), left_at: row.left_at })), next: rows.length < limit ? null : (rows.at(-1)?.conversation_id ?? null) };
}
