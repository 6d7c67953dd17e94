// Presence of one user over generated lives of devices and watchers, against a model that knows nothing of alarms, rows or sleep.
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { isFresh, type Sign } from "../../domain/presence.ts";
import { Tasks } from "../../durable-objects/platform/tasks.ts";
import { Presence, type PresenceCore } from "../../durable-objects/session/presence.ts";
import { SessionStore } from "../../durable-objects/session/store.ts";
import { PresenceStore } from "../../durable-objects/session/store/presence.ts";
import { PRESENCE_SUB_MS, PRESENCE_WATCHERS } from "../../protocol/limits.ts";
import type { PresenceTold } from "../../protocol/rpc/presence.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "./sqlite.ts";

const START = 1_800_000_000_000;
const EXP = START / 1_000 + 36_000;

/** The watched session: sockets and rows outlive a sleep, everything else is made anew. */
class World {
  now = START;
  alarm: number | null = null;
  /** How often the alarm was set. */
  armings = 0;
  readonly devices = new Map<string, Sign>();
  /** What each watcher was told, in order, the snapshots included. */
  readonly told = new Map<string, PresenceTold[]>();
  readonly away = new Set<string>();
  events = 0;
  /** Words that said what the one before had said. */
  doubled = 0;
  presence!: Presence;
  private core!: PresenceCore;
  private tasks!: Tasks;
  private readonly sql = nodeSql(new DatabaseSync(":memory:"));

  constructor() {
    new SessionStore(this.sql).commitRegistered("bob", START);
    this.sleep();
  }

  /** The object is evicted, and made again from what it stored. */
  sleep(): void {
    this.core = {
      userId: "bob", isRegistered: true, goneAt: null, tasks: [], settings: DEFAULT_SETTINGS,
      signs: () => [...this.devices.values()].map((sign) => ({ ...sign })),
      arm: () => this.tasks.arm(this.now),
      devices: { sweep: (now) => this.sweep(now) },
    };
    this.presence = new Presence(this.core, new PresenceStore(this.sql), (userId) => ({
      presenceOf: () => Promise.reject(new Error("nobody asks here")),
      unwatch: () => Promise.reject(new Error("nobody asks here")),
      presenceChanged: async ({ told, devices }) => {
        this.events += 1;
        if (this.away.has(userId)) return { gone: devices };
        if (this.told.get(userId)?.at(-1)?.status === told.status) this.doubled += 1;
        this.told.get(userId)?.push(told);
        return { gone: [] };
      },
    }), () => this.now);
    this.tasks = new Tasks({
      setAlarm: async (at) => {
        this.alarm = at;
        this.armings += 1;
      },
    }, this.alarm, this.core.tasks, (_task, error) => {
      throw error;
    });
    this.presence.open();
    this.tasks.arm(this.now);
  }

  private gone(device: string): void {
    const sign = this.devices.get(device) as Sign;
    this.core.goneAt = Math.max(this.core.goneAt ?? 0, sign.seen_at);
    this.devices.delete(device);
  }

  private sweep(now: number): boolean {
    const silent = [...this.devices.values()].filter((sign) => !isFresh(sign, now));
    for (const { device_id } of silent) this.gone(device_id);
    return silent.length > 0;
  }

  connect(device: string): void {
    this.devices.set(device, { device_id: device, exp: EXP, profile: "foreground", connected_at: this.now, seen_at: this.now });
    this.presence.check(this.now);
  }

  close(device: string): void {
    const sign = this.devices.get(device);
    if (sign === undefined) return;
    sign.seen_at = this.now;
    this.gone(device);
    this.presence.check(this.now);
  }

  ping(device: string): void {
    const sign = this.devices.get(device);
    if (sign !== undefined) sign.seen_at = this.now;
  }

  watch(user: string): void {
    this.away.delete(user);
    const answer = this.presence.asked({ asker_id: user, direct: true, groups: [], device_id: "phone" }, this.now);
    this.told.set(user, [...(this.told.get(user) ?? []), answer]);
  }

  /** Time goes on, and alarms fire as they come due. */
  async pass(ms: number, heard: () => void): Promise<void> {
    const end = this.now + ms;
    while (this.alarm !== null && this.alarm <= end) {
      this.now = Math.max(this.now, this.alarm);
      this.alarm = null;
      await this.tasks.fired(() => this.now);
      await quiet();
      heard();
    }
    this.now = end;
  }

  online(): boolean {
    return [...this.devices.values()].some((sign) => isFresh(sign, this.now));
  }
}

const quiet = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

const device = fc.constantFrom("phone", "laptop");
const watcher = fc.constantFrom("ann", "cat");
const step = fc.oneof(
  fc.record({ kind: fc.constant("connect" as const), device }),
  fc.record({ kind: fc.constant("close" as const), device }),
  fc.record({ kind: fc.constant("ping" as const), device }),
  fc.record({ kind: fc.constant("watch" as const), watcher }),
  fc.record({ kind: fc.constant("unwatch" as const), watcher }),
  fc.record({ kind: fc.constant("leave" as const), watcher }),
  fc.record({ kind: fc.constant("sleep" as const) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 500, 9_000, 29_999, 30_000, 61_000) }),
);

test("[C3] [A13] who watches knows at every moment how it is, each change told once; and while nobody does, no alarm is set and nothing told", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const world = new World();
    /** Until when each watcher watches, as far as they know. */
    const until = new Map<string, number>();
    /** Until when the watched session believes it, who has left without a word too. */
    let costsUntil = 0;
    const watching = (user: string): boolean => (until.get(user) ?? 0) > world.now;
    const look = (): void => {
      for (const [user, told] of world.told) {
        if (watching(user) && !world.away.has(user)) expect(told.at(-1)?.status).toBe(world.online() ? "ONLINE" : "OFFLINE");
      }
    };
    for (const one of steps) {
      const [events, armings] = [world.events, world.armings];
      const looked = costsUntil > world.now;
      if (one.kind === "connect") world.connect(one.device);
      else if (one.kind === "close") world.close(one.device);
      else if (one.kind === "ping") world.ping(one.device);
      else if (one.kind === "sleep") {
        await world.pass(100, look);
        world.sleep();
      }
      else if (one.kind === "pass") await world.pass(one.ms, look);
      else if (one.kind === "watch") {
        world.watch(one.watcher);
        until.set(one.watcher, world.now + PRESENCE_SUB_MS);
        costsUntil = world.now + PRESENCE_SUB_MS;
      } else if (one.kind === "unwatch") {
        world.presence.unwatch(one.watcher, "phone");
        until.delete(one.watcher);
        world.told.delete(one.watcher);
      } else {
        world.away.add(one.watcher);
        until.delete(one.watcher);
      }
      await quiet();
      look();
      if (!looked && one.kind !== "watch") expect([world.events, world.armings]).toEqual([events, armings]);
    }
    for (const told of world.told.values()) for (const [i, one] of told.entries()) if (i > 0) expect(one.at).toBeGreaterThanOrEqual(told[i - 1]?.at as number);
    expect(world.doubled).toBe(0);
  }), { numRuns: 400 });
});

test("[P] beyond the most that are told, one more sees how it is and takes no room", async () => {
  const world = new World();
  for (let i = 0; i < PRESENCE_WATCHERS; i += 1) world.watch(`user-${i}`);
  world.watch("late");
  world.connect("phone");
  await quiet();
  expect([world.events, world.told.get("late")?.length, world.told.get("user-0")?.length]).toEqual([PRESENCE_WATCHERS, 1, 2]);
  await world.pass(PRESENCE_SUB_MS, () => undefined);
  world.watch("late");
  world.connect("phone");
  await quiet();
  expect(world.told.get("late")?.map(({ status }) => status)).toEqual(["OFFLINE", "OFFLINE", "ONLINE"]);
});
