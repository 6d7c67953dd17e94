// This archiver among others: it says in the store that it lives, sees who else does, and takes its share of the shards.
// A lease is a row that ends by itself. Nothing but saved work depends on it: two that work on one segment do no harm.
import { setTimeout as pause } from "node:timers/promises";
import { errorFields, log } from "../log/log.ts";
import type { Metrics } from "./metrics.ts";
import { planShare, type Share, WHOLE } from "./share.ts";
import type { ArchiveStore } from "./stores/store.ts";

/** How an archiver knows what of the bucket is its own. */
export interface Sharing {
  /** As it was last known; for counting, never for work. */
  readonly known: Share;
  /** As it is now: asks the store first where the lease may have ended. Throws StoreUnavailable. */
  current(): Promise<Share>;
}

/** All is one's own. */
export const ALONE: Sharing = { known: WHOLE, current: () => Promise.resolve(WHOLE) };

export interface MembershipTools {
  store: Pick<ArchiveStore, "beat" | "leave">;
  metrics: Pick<Metrics, "archivers" | "shards">;
  id: string;
  leaseMs: number;
  /** Ends the waiting of one who is new. */
  signal: AbortSignal;
}

export class Membership implements Sharing {
  readonly #tools: MembershipTools;
  #share = WHOLE;
  /** Others take this one for dead from then on, at the earliest; ms of the clock that no one sets. 0: not joined. */
  #until = 0;
  #joining: Promise<void> | null = null;
  #beating: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(tools: MembershipTools) {
    this.#tools = tools;
  }

  get known(): Share {
    return this.#share;
  }

  async current(): Promise<Share> {
    // It also runs on while a process is suspended.
    if (performance.now() >= this.#until) {
      this.#joining ??= this.#join().finally(() => {
        this.#joining = null;
      });
      await this.#joining;
    }
    return this.#share;
  }

  /** Gives up the lease. Never throws: it also ends by itself. */
  async leave(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#beating?.catch(() => undefined);
    if (this.#until === 0) return;
    this.#until = 0;
    await this.#tools.store.leave(this.#tools.id).catch((error: unknown) => log("warn", "archiver_lease_kept", errorFields(error)));
  }

  /** Who comes to others waits until each of them has seen it and let go of what is no longer theirs. */
  async #join(): Promise<void> {
    const { leaseMs, signal } = this.#tools;
    await this.#beat();
    if (this.#share.archivers > 1) {
      await pause(leaseMs / 2, undefined, { signal }).catch(() => undefined);
      await this.#beat();
    }
    this.#timer ??= setInterval(() => void this.#renew(), leaseMs / 3).unref();
  }

  async #renew(): Promise<void> {
    if (this.#beating !== null || this.#joining !== null) return;
    // One that was suspended for too long joins anew, with its next segment.
    if (performance.now() >= this.#until) return;
    this.#beating = this.#beat();
    await this.#beating.catch((error: unknown) => log("warn", "archiver_lease_not_renewed", errorFields(error)));
    this.#beating = null;
  }

  async #beat(): Promise<void> {
    const { store, metrics, id, leaseMs } = this.#tools;
    const asked = performance.now();
    const share = planShare(id, await store.beat(id, leaseMs));
    this.#until = asked + leaseMs;
    if (!share.equals(this.#share)) log("info", "archive_share", { archiver: id, archivers: share.archivers, shards: share.shards });
    this.#share = share;
    metrics.archivers.set(share.archivers);
    metrics.shards.set(share.shards);
  }
}
