// The user's account: profile and handle, what the operator decides, and telling the directory. The account is the truth;
// the directory is told of each change by rows that commit with it, until it has heard.
import type { Admission } from "../../domain/rate-limit.ts";
import { decideProfile, indexedWords } from "../../domain/users.ts";
import { errorFields, log } from "../../log/log.ts";
import type { Refusal, Result } from "../../protocol/rpc.ts";
import type { DirectoryCalls, UserCalls } from "../../protocol/rpc/users.ts";
import { type Account, EMPTY_PROFILE, type Profile, type ProfilePatch, type PublicProfile } from "../../protocol/users.ts";
import { handleShard, wordShard } from "../directory/shards.ts";
import type { Task } from "../platform/tasks.ts";
import { Line } from "./line.ts";
import type { AccountRecord, OutboxRecord, UserStore } from "./store/users.ts";

/** Shards that are told at once. */
const WIDTH = 16;

const ERASED_PROFILE: Profile = { ...EMPTY_PROFILE, hide_last_seen: true, discoverable: false };
const UNKNOWN = { ok: false, code: "unknown_user" } as const;

/** What an account needs of a session. */
export interface AccountCore {
  readonly userId: string;
  readonly users: UserStore;
  account: AccountRecord | null;
  register(userId: string): void;
  /** Closes the devices whose tokens are no longer accepted. */
  expel(): void;
  arm(): void;
}

/** A try to get a handle, and a change to one that was free. */
export type HandleQuota = "handle_try" | "handle";

/** How often a user may try for a handle, and change their own. */
export interface HandleQuotas {
  take(quota: HandleQuota): Admission;
}

export class Profiles {
  private readonly core: AccountCore;
  private readonly directoryOf: (shard: string) => DirectoryCalls;
  private readonly quotas: HandleQuotas;
  private readonly line = new Line();
  private owing = false;

  constructor(core: AccountCore, quotas: HandleQuotas, directoryOf: (shard: string) => DirectoryCalls) {
    this.core = core;
    this.directoryOf = directoryOf;
    this.quotas = quotas;
  }

  readonly task: Task = {
    name: "directory",
    dueAt: (now) => (this.owing ? now : null),
    // Never beside a change: a handle that is being claimed would look like one that was given up.
    run: () => this.line.run(() => this.publish()),
  };

  open(): void {
    this.owing = this.core.users.readOutbox(1).length > 0;
  }

  read(): Result<{ profile: PublicProfile; discoverable: boolean }> {
    const { account, userId } = this.core;
    if (account === null) return UNKNOWN;
    const { name, handle, avatar_key, custom, discoverable } = account.profile;
    const gone = account.deactivated_at === null ? {} : { deactivated: true as const };
    return { ok: true, profile: { user_id: userId, name, handle, avatar_key, custom, ...gone }, discoverable };
  }

  readAccount(): Result<{ account: Account }> {
    return this.core.account === null ? UNKNOWN : { ok: true, account: this.view(this.core.account) };
  }

  change(call: Parameters<UserCalls["changeProfile"]>[0]): ReturnType<UserCalls["changeProfile"]> {
    return this.line.run(() => this.changeNext(call));
  }

  /** In one turn, so that it waits behind nothing. */
  setAccess(call: Parameters<UserCalls["setAccess"]>[0]): Result<{ account: Account }> {
    const { core } = this;
    const before = core.account;
    if (before === null) return UNKNOWN;
    const deactivated_at = call.deactivated === undefined ? before.deactivated_at : call.deactivated ? (before.deactivated_at ?? Date.now()) : null;
    const revoked_before = Math.max(before.revoked_before, call.revoke_before ?? 0);
    const erased_at = deactivated_at === null ? null : before.erased_at;
    const account = this.commit({ ...before, deactivated_at, revoked_before, erased_at }, null);
    core.expel();
    log("info", "access_changed", { user_id: core.userId, deactivated: deactivated_at !== null, revoked_before });
    return { ok: true, account: this.view(account) };
  }

  hasContent(): boolean {
    return this.core.account !== null && JSON.stringify(this.core.account.profile) !== JSON.stringify(ERASED_PROFILE);
  }

  /** The profile goes, the directory is told of it, and the user is out. */
  erase(now: number): Promise<void> {
    return this.line.run(async () => {
      const { core } = this;
      const before = core.account as AccountRecord;
      const revoked_before = Math.max(before.revoked_before, Math.floor(now / 1_000) + 1);
      core.users.commitProfileBlank();
      this.commit({ ...before, profile: ERASED_PROFILE, deactivated_at: before.deactivated_at ?? now, erased_at: before.erased_at ?? now, revoked_before }, null);
      core.expel();
      log("info", "user_erased", { user_id: core.userId });
    });
  }

  private async changeNext({ user_id, patch, by }: Parameters<UserCalls["changeProfile"]>[0]): Promise<Result<{ account: Account; created: boolean }>> {
    const { core } = this;
    const created = core.account === null;
    if (created && by === "user") return UNKNOWN;
    core.register(user_id);
    const wanted = patch.handle;
    if (typeof wanted === "string" && wanted !== core.account?.profile.handle) {
      const refused = await this.claim(wanted, by);
      if (refused !== null) return refused;
    }
    const account = core.account as AccountRecord;
    const profile = decideProfile(account.profile, patch);
    return { ok: true, account: this.view(this.commit({ ...account, profile }, wanted ?? null)), created };
  }

  /** A claim whose outcome nobody learns is given back by the row that commits before it. */
  private async claim(handle: string, by: "user" | "service"): Promise<Refusal | null> {
    const { core } = this;
    const hasty = by === "user" ? this.tooOften("handle_try") : null;
    if (hasty !== null) return hasty;
    const shard = handleShard(handle);
    const before = core.account as AccountRecord;
    const claiming = { ...before, directory_rev: before.directory_rev + 1 };
    core.users.commitAccount(claiming, [{ shard, handle }], []);
    core.account = claiming;
    this.owing = true;
    core.arm();
    try {
      const claimed = await this.directoryOf(shard).claim({ handle, user_id: core.userId, rev: claiming.directory_rev });
      // One that was refused is given back as well: an earlier claim of the same may still be on its way.
      if (!claimed.ok) return claimed;
      return by === "user" ? this.tooOften("handle") : null;
    } catch (error) {
      log("warn", "claim_failed", { user_id: core.userId, ...errorFields(error) });
      return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    }
  }

  private tooOften(quota: HandleQuota): Refusal | null {
    const admission = this.quotas.take(quota);
    return admission.ok ? null : { ok: false, code: "rate_limited", retry_after_ms: admission.retry_after_ms };
  }

  /** @param claimed the handle that the directory has just given */
  private commit(after: AccountRecord, claimed: ProfilePatch["handle"]): AccountRecord {
    const { core } = this;
    const owed = owedBy(core.account as AccountRecord, after);
    const account = owed.length === 0 ? after : { ...after, directory_rev: after.directory_rev + 1 };
    core.users.commitAccount(account, owed, typeof claimed === "string" ? [claimed] : []);
    core.account = account;
    this.owing ||= owed.length > 0;
    core.arm();
    return account;
  }

  /** Tells the directory what it has not heard. Throws where a part of it could not be told. */
  private async publish(): Promise<void> {
    const rows = this.core.users.readOutbox(WIDTH);
    const told = await Promise.allSettled(rows.map((row) => this.tell(row)));
    this.owing = this.core.users.readOutbox(1).length > 0;
    const failed = told.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  private async tell(row: OutboxRecord): Promise<void> {
    const { core } = this;
    const { profile, directory_rev, deactivated_at, erased_at } = core.account as AccountRecord;
    const scrub = erased_at === null ? {} : { scrub: true as const };
    const directory = this.directoryOf(row.shard);
    const user_id = core.userId;
    if (row.handle === "") {
      const words = wordsOf({ profile, deactivated_at }).filter((word) => wordShard(word) === row.shard);
      const { name, handle, avatar_key } = profile;
      await directory.put({ user_id, rev: directory_rev, words, card: words.length === 0 ? null : { name, handle, avatar_key }, ...scrub });
      core.users.commitHeard({ ...row, rev: directory_rev });
    } else {
      await directory.release({ handle: row.handle, user_id, rev: row.rev, ...scrub });
      core.users.commitHeard(row);
    }
  }

  private view({ profile, registered_at, deactivated_at, revoked_before, erased_at }: AccountRecord): Account {
    return { user_id: this.core.userId, ...profile, registered_at, deactivated_at, revoked_before, ...(erased_at === null ? {} : { erased_at }) };
  }
}

/** The words by which this user is found, if at all. */
function wordsOf({ profile, deactivated_at }: { profile: Profile; deactivated_at: number | null }): string[] {
  return profile.discoverable && deactivated_at === null ? indexedWords(profile) : [];
}

/** What the directory has to hear of a change: the shards of all words, old and new, and the handle that is given back. */
function owedBy(before: AccountRecord, after: AccountRecord): Omit<OutboxRecord, "rev">[] {
  const card = ({ profile: { name, handle, avatar_key, discoverable }, deactivated_at }: AccountRecord) => JSON.stringify([name, handle, avatar_key, discoverable, deactivated_at]);
  if (card(before) === card(after)) return [];
  const shards = new Set([...wordsOf(before), ...wordsOf(after)].map((word) => wordShard(word)));
  const old = before.profile.handle;
  const released = old === null || old === after.profile.handle ? [] : [{ shard: handleShard(old), handle: old }];
  return [...[...shards].map((shard) => ({ shard, handle: "" })), ...released];
}
