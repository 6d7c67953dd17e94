// Looking at others: their presence once, or for as long as a device renews its subscription. The sessions of those looked at
// know who watches; this one only passes on what they tell.
import { type Bucket, decideAdmission } from "../../domain/rate-limit.ts";
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { Presence, PresenceFrame } from "../../protocol/frames/presence.ts";
import { HEARTBEATS } from "../../protocol/frames/presence.ts";
import { PRESENCE_BURST_FACTOR, PRESENCE_GROUPS, PRESENCE_RATE_FACTOR } from "../../protocol/limits.ts";
import type { PresenceTold } from "../../protocol/rpc/presence.ts";
import type { Result } from "../../protocol/rpc.ts";
import type { Settings } from "../../protocol/settings.ts";
import { Gate } from "../platform/gate.ts";
import { count } from "../platform/metrics.ts";
import type { Device } from "./device.ts";
import type { Handlers } from "./frames.ts";
import { type SessionOf, SLOW_MS } from "./presence.ts";
import type { PresenceStore } from "./store/presence.ts";

/** Users of whom the newest word is kept, to know an older one by. */
const KEPT = 1_000;

/** What looking at others needs of a session. */
export interface WatchingCore {
  readonly userId: string;
  readonly settings: Settings;
  readonly devices: { sendTo(deviceId: string, frames: readonly DownFrame[]): boolean };
  directId(peer: string): string;
  background(device: Device, what: string, work: Promise<void>): void;
}

export class Watching {
  private readonly core: WatchingCore;
  private readonly store: PresenceStore;
  private readonly sessionOf: SessionOf;
  private readonly gate: Gate;
  private readonly newest = new Map<string, PresenceTold>();
  /** Each user asked for may wake an object: they have a bucket of their own. */
  private bucket: Bucket | null = null;

  constructor(core: WatchingCore, store: PresenceStore, sessionOf: SessionOf) {
    this.core = core;
    this.store = store;
    this.sessionOf = sessionOf;
    this.gate = new Gate(() => core.settings, SLOW_MS);
  }

  readonly handlers: Handlers = {
    heartbeat: (device, { profile }, fill) => {
      device.pace(profile);
      fill({ type: "heartbeat", profile, ...HEARTBEATS[profile] });
    },
    presence_sub: (device, { users }, fill) => {
      const refused = this.charge(users.length);
      fill(refused === null ? null : errorFrame("rate_limited", { retry_after_ms: refused }));
      if (refused === null) this.core.background(device, "presence_sub", this.subscribe(device, users));
    },
    presence_unsub: (device, { users }, fill) => {
      const refused = this.charge(users.length);
      fill(refused === null ? null : errorFrame("rate_limited", { retry_after_ms: refused }));
      if (refused === null) this.core.background(device, "presence_unsub", this.unsubscribe(device, users));
    },
  };

  /** In the order of `users`, at most 200. */
  async query(users: readonly string[]): Promise<Result<{ presence: Presence[] }>> {
    const refused = this.charge(users.length);
    if (refused !== null) return { ok: false, code: "rate_limited", retry_after_ms: refused };
    const told = await this.ask(users, null);
    return { ok: true, presence: users.map((user) => toPresence(told.get(user) as PresenceTold)) };
  }

  /** A change, from the session of whom a device watches. */
  changed(told: PresenceTold, devices: readonly string[]): { gone: string[] } {
    const frames = this.later(told) === told ? [toFrame(told)] : [];
    return { gone: devices.filter((device) => !this.core.devices.sendTo(device, frames)) };
  }

  private async subscribe(device: Device, users: readonly string[]): Promise<void> {
    const told = await this.ask(users, device.device_id);
    // What one of them has told meanwhile is newer than their answer.
    device.send([...told.values()].map((one) => toFrame(this.later(one))));
  }

  private async unsubscribe(device: Device, users: readonly string[]): Promise<void> {
    const call = { user_id: this.core.userId, device_id: device.device_id };
    await Promise.all([...new Set(users)].map((user) => this.gate.through(() => this.sessionOf(user).unwatch(call))));
  }

  private async ask(users: readonly string[], deviceId: string | null): Promise<Map<string, PresenceTold>> {
    const startedAt = Date.now();
    const groups = this.store.readGroups(PRESENCE_GROUPS);
    const blocked = this.store.readBlocks();
    const told = await Promise.all([...new Set(users)].map(async (user) => {
      const direct = this.store.readDirect(this.core.directId(user));
      // Nothing in common with anybody, or nothing to do with this one: their object sleeps on.
      if (blocked.has(user) || (!direct && groups.length === 0 && user !== this.core.userId)) return nobody(user);
      return this.askOne(user, { direct, groups: direct ? [] : groups, device_id: deviceId });
    }));
    count("presence_queries");
    count("presence_entries", told.length);
    count("presence_query_ms", Date.now() - startedAt);
    return new Map(told.map((one) => [one.user_id, one]));
  }

  private async askOne(user: string, ask: { direct: boolean; groups: string[]; device_id: string | null }): Promise<PresenceTold> {
    const call = () => this.gate.through(() => this.sessionOf(user).presenceOf({ asker_id: this.core.userId, ...ask }));
    try {
      // Once more: an object that has just moved is there a moment later.
      return await call().catch(call);
    } catch (error) {
      // One that can't be asked is nobody who is there, and no reason to hold back the others.
      log("warn", "presence_failed", { user_id: user, ...errorFields(error) });
      return nobody(user);
    }
  }

  /** The later of this and what is known. */
  private later(told: PresenceTold): PresenceTold {
    const known = this.newest.get(told.user_id);
    if (told.at === 0) return told;
    if (known !== undefined && known.at > told.at) return known;
    this.newest.delete(told.user_id);
    this.newest.set(told.user_id, told);
    const oldest = this.newest.keys().next().value;
    if (this.newest.size > KEPT && oldest !== undefined) this.newest.delete(oldest);
    return told;
  }

  /** null, or ms until so many may be asked for. */
  private charge(users: number): number | null {
    const { rate_limit, rate_burst } = this.core.settings;
    const rule = { rate: rate_limit * PRESENCE_RATE_FACTOR, burst: rate_burst * PRESENCE_BURST_FACTOR };
    const admission = decideAdmission(this.bucket, rule, Date.now(), users);
    this.bucket = admission.bucket;
    if (admission.ok) return null;
    count("rate_limited");
    return admission.retry_after_ms;
  }
}

/** Not their own word, and so neither newer nor older than it. */
function nobody(user_id: string): PresenceTold {
  return { user_id, status: "OFFLINE", last_seen: null, at: 0 };
}

function toPresence({ user_id, status, last_seen }: PresenceTold): Presence {
  return { user_id, status, last_seen };
}

function toFrame(told: PresenceTold): PresenceFrame {
  return { type: "presence", ...toPresence(told) };
}
