// One shard of the directory: gives each handle to one user, and finds people by the beginnings of their words. What it
// holds is a copy of what sessions have committed; each change carries the session's own count, so that it may come twice
// and late.
import { decideClaim } from "../../domain/users.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { DirectoryCalls, HandleCall, PutCall } from "../../protocol/rpc/users.ts";
import type { Found } from "../../protocol/users.ts";
import { count } from "../platform/metrics.ts";
import { findPeople } from "./find.ts";
import type { DirectoryStore } from "./store.ts";

export class Shard implements DirectoryCalls {
  private readonly store: DirectoryStore;
  private readonly now: () => number;
  private readonly scrub: () => Promise<void>;
  private exists: boolean;

  /** @param scrub takes what was deleted from the file too */
  constructor(store: DirectoryStore, now: () => number, scrub: () => Promise<void> = async () => undefined) {
    this.store = store;
    this.now = now;
    this.scrub = scrub;
    this.exists = store.exists();
    if (this.exists) store.migrate();
  }

  async claim(call: HandleCall): Promise<Result<object>> {
    const holder = this.exists ? this.store.readHolder(call.handle) : null;
    const known = this.exists ? this.store.readHandle(call.handle, call.user_id) : null;
    const decision = decideClaim(call.user_id, call.rev, holder, known);
    if (decision === "refuse") return { ok: false, code: "handle_taken" };
    if (decision === "grant") this.commit(() => this.store.commitHandle(call, true, this.now()));
    return { ok: true };
  }

  async release(call: HandleCall): Promise<void> {
    const known = this.exists ? this.store.readHandle(call.handle, call.user_id) : null;
    if (known !== null && known.rev > call.rev) return;
    // Also where nothing is held: the claim that this takes back may still be on its way.
    this.commit(() => this.store.commitHandle(call, false, this.now()));
    if (call.scrub === true) await this.scrub();
  }

  async holder(call: { handle: string }): Promise<string | null> {
    return this.exists ? this.store.readHolder(call.handle) : null;
  }

  async put(call: PutCall): Promise<void> {
    if (this.exists && this.store.readRev(call.user_id) >= call.rev) return;
    this.commit(() => this.store.commitPerson(call, this.now()));
    count("directory_puts");
    if (call.scrub === true) await this.scrub();
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
