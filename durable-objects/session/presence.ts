// This user's presence, as others see it. Computed when asked. Who watches is told of changes; only while somebody does is
// there an alarm, at the moment when the next device would have been silent for too long.
import { decideStatus, freshUntil, lastSeen, type Sign } from "../../domain/presence.ts";
import { errorFields, log } from "../../log/log.ts";
import type { PresenceStatus } from "../../protocol/frames/presence.ts";
import { PRESENCE_SUB_MS, PRESENCE_WATCHERS } from "../../protocol/limits.ts";
import type { PresenceAsk, PresenceCalls, PresenceTold, UserSessions } from "../../protocol/rpc/presence.ts";
import type { Settings } from "../../protocol/settings.ts";
import { Gate } from "../platform/gate.ts";
import { serverId } from "../platform/instance.ts";
import { count } from "../platform/metrics.ts";
import type { Task } from "../platform/tasks.ts";
import type { PresenceStore, WatcherRecord } from "./store/presence.ts";

/** A session that takes longer than this gives its place among those called at once to the next, ms. */
export const SLOW_MS = 25;

/** The way to the session of somebody who watches; this user's own among them. */
export type SessionOf = (userId: string) => Pick<PresenceCalls, "presenceOf" | "unwatch" | "presenceChanged">;

/** What presence needs of a session. */
export interface PresenceCore {
  readonly userId: string;
  readonly isRegistered: boolean;
  goneAt: number | null;
  readonly tasks: Task[];
  readonly settings: Settings;
  readonly devices: { sweep(now: number): boolean };
  signs(): Sign[];
  arm(): void;
}

export class Presence {
  private readonly core: PresenceCore;
  private readonly store: PresenceStore;
  private readonly sessionOf: SessionOf;
  private readonly gate: Gate;
  private readonly clock: () => number;
  /** By user, then device. */
  private readonly watchers = new Map<string, Map<string, number>>();
  /** When the last of them ends; too late where that one has taken its leave, which costs an alarm. */
  private watchedUntil = 0;
  /** Something that was pushed waits to be acknowledged: somebody may be gone without a word. */
  private doubted = false;
  private told: PresenceStatus = "OFFLINE";
  /** What the row says. */
  private lastSeenAt: number | null = null;
  private telling: Promise<void> | null = null;
  private latestAt = 0;

  constructor(core: PresenceCore, store: PresenceStore, sessionOf: SessionOf, clock: () => number = () => Date.now()) {
    this.core = core;
    this.clock = clock;
    this.store = store;
    this.sessionOf = sessionOf;
    this.gate = new Gate(() => core.settings, SLOW_MS);
    core.tasks.push({ name: "presence", dueAt: (now) => this.due(now), run: async (now) => this.alarmed(now) });
  }

  /** What the rows say. */
  open(): void {
    const { told, last_seen } = this.store.readStatus();
    this.told = told;
    this.lastSeenAt = last_seen;
    this.core.goneAt = last_seen;
    this.watchers.clear();
    for (const watcher of this.store.readWatchers()) this.remember(watcher);
  }

  /** To be called whenever a device has come or gone, and when the alarm says that one may have fallen silent. */
  check(now: number): void {
    const { core } = this;
    core.devices.sweep(now);
    if (!core.isRegistered) return;
    this.prune(now);
    const watched = this.isWatched(now);
    const status = decideStatus(core.signs(), now);
    const changed = watched && status !== this.told;
    if (changed || (core.goneAt ?? 0) > (this.lastSeenAt ?? 0)) this.commit(watched ? status : this.told);
    if (changed) this.tell();
    core.arm();
  }

  /**
   * A delivery is made again because nobody has acknowledged it: whoever is silent is closed when their time is over, also while
   * nobody watches.
   */
  doubt(): void {
    this.doubted = true;
    this.core.arm();
  }

  asked(ask: PresenceAsk, now: number): PresenceTold {
    if (!this.isVisibleTo(ask)) return { user_id: this.core.userId, status: "OFFLINE", last_seen: null, at: now };
    if (ask.device_id !== null) this.watch(ask.asker_id, ask.device_id, now);
    return this.seen(now);
  }

  unwatch(userId: string, deviceId: string): void {
    const devices = this.watchers.get(userId);
    if (devices?.delete(deviceId) !== true) return;
    if (devices.size === 0) this.watchers.delete(userId);
    this.store.commitUnwatched(userId, deviceId);
  }

  sessions(objectId: string, now: number): UserSessions {
    const { core } = this;
    const signs = core.signs();
    return {
      user_id: core.userId, status: decideStatus(signs, now), last_active: lastSeen(signs, core.goneAt), object_id: objectId,
      devices: signs.map(({ device_id, profile, seen_at, connected_at }) => ({
        server_id: serverId(), device_id, profile, last_heartbeat: seen_at, connected_at,
      })),
    };
  }

  private watch(userId: string, deviceId: string, now: number): void {
    if (!this.hasRoom(userId, deviceId, now)) return;
    if (this.isWatched(now)) {
      this.check(now);
    } else {
      // While nobody watched nobody was told, and silent sockets stayed open.
      this.core.devices.sweep(now);
      const status = decideStatus(this.core.signs(), now);
      if (status !== this.told) this.commit(status);
    }
    const watcher = { user_id: userId, device_id: deviceId, until: now + PRESENCE_SUB_MS };
    this.store.commitWatcher(watcher);
    this.remember(watcher);
    this.core.arm();
  }

  /** Beyond PRESENCE_WATCHERS a device is told how it is now, and not what becomes of it. */
  private hasRoom(userId: string, deviceId: string, now: number): boolean {
    if (this.watchers.get(userId)?.has(deviceId) === true) return true;
    const size = () => [...this.watchers.values()].reduce((sum, devices) => sum + devices.size, 0);
    if (size() < PRESENCE_WATCHERS) return true;
    this.prune(now);
    return size() < PRESENCE_WATCHERS;
  }

  /** Forgets those whose time has ended. */
  private prune(now: number): void {
    let ended = false;
    for (const [userId, devices] of this.watchers) {
      for (const [deviceId, until] of devices) {
        if (until <= now) ended = devices.delete(deviceId);
      }
      if (devices.size === 0) this.watchers.delete(userId);
    }
    if (ended) this.store.commitEnded(now);
  }

  private remember({ user_id, device_id, until }: WatcherRecord): void {
    const devices = this.watchers.get(user_id) ?? new Map<string, number>();
    this.watchers.set(user_id, devices.set(device_id, until));
    this.watchedUntil = Math.max(this.watchedUntil, until);
  }

  private isWatched(now: number): boolean {
    return this.watchers.size > 0 && this.watchedUntil > now;
  }

  private alarmed(now: number): void {
    this.doubted = false;
    this.check(now);
  }

  private due(now: number): number | null {
    const watched = this.isWatched(now);
    if (!watched && !this.doubted) return null;
    const signs = this.core.signs();
    if (signs.length === 0) return watched && this.told === "ONLINE" ? now : null;
    return Math.min(...signs.map(freshUntil));
  }

  private commit(told: PresenceStatus): void {
    this.told = told;
    this.lastSeenAt = this.core.goneAt;
    this.store.commitStatus(told, this.lastSeenAt);
  }

  /** One round at a time: whoever toggles faster than that is told as they are when it ends. */
  private tell(): void {
    this.telling ??= this.rounds().finally(() => {
      this.telling = null;
    });
  }

  private async rounds(): Promise<void> {
    for (let said: PresenceStatus | null = null; said !== this.told;) {
      said = this.told;
      const told = { ...this.seen(this.clock()), status: said };
      const blocked = this.store.readBlocks();
      const watchers = [...this.watchers].filter(([userId]) => !blocked.has(userId));
      await Promise.all(watchers.map(([userId, devices]) => this.tellOne(userId, [...devices.keys()], told)));
    }
  }

  private async tellOne(userId: string, devices: string[], told: PresenceTold): Promise<void> {
    count("presence_events");
    try {
      const { gone } = await this.gate.through(() => this.sessionOf(userId).presenceChanged({ told, devices }));
      for (const deviceId of gone) this.unwatch(userId, deviceId);
    } catch (error) {
      // Its next renewal brings it up to date.
      log("warn", "presence_failed", { user_id: userId, ...errorFields(error) });
    }
  }

  private seen(now: number): PresenceTold {
    const { core } = this;
    const signs = core.signs();
    this.latestAt = Math.max(now, this.latestAt + 1);
    return {
      user_id: core.userId, status: decideStatus(signs, now), at: this.latestAt,
      last_seen: this.store.readHidesLastSeen() ? null : lastSeen(signs, core.goneAt),
    };
  }

  private isVisibleTo(ask: PresenceAsk): boolean {
    const { core, store } = this;
    if (!core.isRegistered) return false;
    if (ask.asker_id === core.userId) return true;
    return (ask.direct || store.readShares(ask.groups)) && !store.readBlocked(ask.asker_id);
  }
}
