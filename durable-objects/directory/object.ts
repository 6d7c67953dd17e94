// The Directory object, in shards: gives each handle to one user, and finds people by the beginnings of their words. What
// it holds is a copy of what sessions have committed; each change carries the session's own count, so that it may come
// twice and late.
import { DurableObject } from "cloudflare:workers";
import { decideClaim } from "../../domain/users.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { DirectoryCalls, HandleCall, PutCall } from "../../protocol/rpc/users.ts";
import type { Found } from "../../protocol/users.ts";
import type { Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { findPeople } from "./find.ts";
import { DirectoryStore } from "./store.ts";

export class Directory extends DurableObject<Env> implements DirectoryCalls {
  private readonly store: DirectoryStore;
  private exists = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.store = new DirectoryStore(objectSql(ctx.storage, (rows) => count("rows_written", rows)));
    this.exists = this.store.exists();
    if (this.exists) this.store.migrate();
  }

  async claim(call: HandleCall): Promise<Result<object>> {
    const holder = this.exists ? this.store.readHolder(call.handle) : null;
    const known = this.exists ? this.store.readHandle(call.handle, call.user_id) : null;
    const decision = decideClaim(call.user_id, call.rev, holder, known);
    if (decision === "refuse") return { ok: false, code: "handle_taken" };
    if (decision === "grant") this.commit(() => this.store.commitHandle(call, true, Date.now()));
    return { ok: true };
  }

  async release(call: HandleCall): Promise<void> {
    const known = this.exists ? this.store.readHandle(call.handle, call.user_id) : null;
    if (known !== null && known.rev > call.rev) return;
    // Also where nothing is held: the claim that this takes back may still be on its way.
    this.commit(() => this.store.commitHandle(call, false, Date.now()));
  }

  async holder(call: { handle: string }): Promise<string | null> {
    return this.exists ? this.store.readHolder(call.handle) : null;
  }

  async put(call: PutCall): Promise<void> {
    if (this.exists && this.store.readRev(call.user_id) >= call.rev) return;
    this.commit(() => this.store.commitPerson(call, Date.now()));
    count("directory_puts");
  }

  async find(call: { words: string[]; limit: number }): Promise<Found[]> {
    count("people_searches");
    return this.exists ? findPeople(this.store, call.words, call.limit) : [];
  }

  /** The first change makes the schema: what was only asked has no row. */
  private commit(change: () => void): void {
    change();
    this.exists = true;
  }
}
