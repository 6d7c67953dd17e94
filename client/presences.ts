// Who is there, of those whom somebody looks at: subscribed to while they are looked at, renewed before it ends, unknown
// while there is no connection.
import type { HeartbeatProfile, Presence } from "../protocol/frames/presence.ts";
import { PRESENCE_SUB_MS, PRESENCE_USERS } from "../protocol/limits.ts";
import type { Environment } from "./environment.ts";

export interface PresenceHandlers {
  write(frames: readonly object[]): boolean;
  /** A user's id: what is known of them has changed. */
  changed(user_id: string): void;
}

/** A subscription is renewed when this part of it is left. */
const LEFT = 1 / 4;

export class Presences {
  readonly #environment: Environment;
  readonly #handlers: PresenceHandlers;
  /** How many look at a user. */
  readonly #watched = new Map<string, number>();
  readonly #known = new Map<string, Presence>();
  /** To be subscribed or unsubscribed with the next text message. */
  readonly #news = new Set<string>();
  #connected = false;
  #scheduled = false;
  #profile: HeartbeatProfile = "foreground";
  /** Nobody looked at, no timer. */
  #renewing = false;
  #cancelRenewal: () => void = () => undefined;

  constructor(environment: Environment, handlers: PresenceHandlers) {
    this.#environment = environment;
    this.#handlers = handlers;
  }

  /** null while it is unknown, and for who is not watched. */
  get(user_id: string): Presence | null {
    return this.#known.get(user_id) ?? null;
  }

  /** Looks at these users until the result is called. */
  watch(users: readonly string[]): () => void {
    const watched = [...new Set(users)];
    for (const user_id of watched) this.#count(user_id, 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      for (const user_id of watched) this.#count(user_id, -1);
    };
  }

  /** What was answered about this user may be different now. */
  again(user_id: string): void {
    if (this.#watched.has(user_id)) this.#schedule(user_id);
  }

  shown({ user_id, status, last_seen }: Presence): void {
    const known = this.#known.get(user_id);
    if (!this.#watched.has(user_id) || (known?.status === status && known.last_seen === last_seen)) return;
    this.#known.set(user_id, { user_id, status, last_seen });
    this.#handlers.changed(user_id);
  }

  /** How often this device says that it is there. */
  profile(profile: HeartbeatProfile): void {
    if (profile === this.#profile) return;
    this.#profile = profile;
    if (this.#connected) this.#handlers.write([{ type: "heartbeat", profile }]);
  }

  connected(): void {
    this.#connected = true;
    this.#news.clear();
    // A connection begins as foreground.
    if (this.#profile !== "foreground") this.#handlers.write([{ type: "heartbeat", profile: this.#profile }]);
    this.#renew();
  }

  disconnected(): void {
    this.#connected = false;
    this.#cancelRenewal();
    const known = [...this.#known.keys()];
    this.#known.clear();
    for (const user_id of known) this.#handlers.changed(user_id);
  }

  #count(user_id: string, by: 1 | -1): void {
    const before = this.#watched.get(user_id) ?? 0;
    if (before + by > 0) this.#watched.set(user_id, before + by);
    else {
      this.#watched.delete(user_id);
      this.#known.delete(user_id);
    }
    if (before + by === (by === 1 ? 1 : 0)) this.#schedule(user_id);
  }

  /** Not at once: a view that closes and one that opens often look at the same users. */
  #schedule(user_id: string): void {
    if (!this.#connected) return;
    this.#news.add(user_id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#tell();
    });
  }

  #tell(): void {
    if (!this.#connected) return;
    const news = [...this.#news];
    this.#news.clear();
    const frames = [
      ...inBatches(news.filter((user_id) => this.#watched.has(user_id))).map((users) => ({ type: "presence_sub", users })),
      ...inBatches(news.filter((user_id) => !this.#watched.has(user_id))).map((users) => ({ type: "presence_unsub", users })),
    ];
    if (frames.length > 0) this.#handlers.write(frames);
    if (!this.#renewing && this.#watched.size > 0) this.#planRenewal();
  }

  #renew(): void {
    this.#cancelRenewal();
    const frames = inBatches([...this.#watched.keys()]).map((users) => ({ type: "presence_sub", users }));
    this.#renewing = frames.length > 0;
    if (!this.#renewing) return;
    this.#handlers.write(frames);
    this.#planRenewal();
  }

  #planRenewal(): void {
    this.#renewing = true;
    this.#cancelRenewal = this.#environment.later(PRESENCE_SUB_MS * (1 - LEFT), () => this.#renew());
  }
}

function inBatches(users: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(users.length / PRESENCE_USERS) }, (_, i) => users.slice(i * PRESENCE_USERS, (i + 1) * PRESENCE_USERS));
}
