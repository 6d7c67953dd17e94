// Looking at others, over a network that mixes up what it carries.
import { expect, test } from "vitest";
import { SessionStore } from "../../durable-objects/session/store.ts";
import { PresenceStore } from "../../durable-objects/session/store/presence.ts";
import { Watching } from "../../durable-objects/session/watching.ts";
import type { Device } from "../../durable-objects/session/device.ts";
import type { DownFrame } from "../../protocol/frames/down.ts";
import type { PresenceAsk, PresenceTold } from "../../protocol/rpc/presence.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "./sqlite.ts";

interface Asked {
  user: string;
  ask: PresenceAsk;
  answer: (told: PresenceTold) => void;
  fail: () => void;
}

/** Ann, who shares a group with everybody. */
class Ann {
  readonly got: DownFrame[] = [];
  readonly asked: Asked[] = [];
  readonly watching: Watching;
  private readonly works: Promise<void>[] = [];
  private readonly phone: Device;

  constructor() {
    const sql = nodeSql();
    const store = new SessionStore(sql);
    store.commitRegistered("ann", 0);
    sql.run(
      `INSERT INTO inbox (conversation_id, kind, epoch, settled_seq, settled_at, head_msg_no, read_seq, read_msg_no, last_at, user_seq)
       VALUES ('g.1', 'group', 1, 1, 0, 0, 0, 0, 1, 1), ('d.bob', 'direct', 1, 1, 0, 0, 0, 0, 2, 2)`,
    );
    this.phone = {
      device_id: "phone", viewing: [], view: () => undefined, prolong: () => undefined, pace: () => undefined, write: () => undefined,
      send: (frames) => void this.got.push(...frames),
    };
    this.watching = new Watching({
      userId: "ann", settings: DEFAULT_SETTINGS, directId: (peer) => `d.${peer}`,
      devices: { sendTo: (_device, frames) => this.got.push(...frames) >= 0 },
      background: (_device, _what, work) => void this.works.push(work),
    }, new PresenceStore(sql), (user) => ({
      presenceOf: (ask) => new Promise((resolve, reject) => {
        this.asked.push({ user, ask, answer: resolve, fail: () => reject(new Error("gone")) });
      }),
      unwatch: async () => undefined,
      presenceChanged: () => Promise.reject(new Error("nobody is told here")),
    }));
  }

  subscribe(users: string[]): void {
    this.watching.handlers.presence_sub?.(this.phone, { type: "presence_sub", users }, (frame) => {
      if (frame !== null) this.got.push(frame);
    });
  }

  async done(): Promise<void> {
    await Promise.all(this.works);
  }

  statuses(): unknown[] {
    return this.got.map((frame) => (frame.type === "presence" ? `${frame.user_id} ${frame.status}` : frame.type));
  }
}

const told = (user_id: string, status: "ONLINE" | "OFFLINE", at: number): PresenceTold => ({ user_id, status, last_seen: at, at });

test("[C3] a change that overtakes the answer to the subscription is not undone by it", async () => {
  const ann = new Ann();
  ann.subscribe(["bob", "cat"]);
  expect(ann.watching.changed(told("bob", "OFFLINE", 20), ["phone"])).toEqual({ gone: [] });
  for (const { user, answer } of ann.asked) answer(told(user, "ONLINE", 10));
  await ann.done();
  expect(ann.statuses()).toEqual(["bob OFFLINE", "bob OFFLINE", "cat ONLINE"]);
});

test("[C3] a change that comes late does not undo a newer one, and its device still counts as there", () => {
  const ann = new Ann();
  ann.watching.changed(told("bob", "ONLINE", 20), ["phone"]);
  expect(ann.watching.changed(told("bob", "OFFLINE", 19), ["phone"])).toEqual({ gone: [] });
  expect(ann.statuses()).toEqual(["bob ONLINE"]);
});

test("[P] who has a direct conversation is asked with it, everybody else with the groups; one who can't be asked is tried once more and holds up nobody", async () => {
  const ann = new Ann();
  ann.subscribe(["bob", "cat", "bob"]);
  expect(ann.asked.map(({ user, ask }) => [user, ask.direct, ask.groups])).toEqual([["bob", true, []], ["cat", false, ["g.1"]]]);
  ann.asked[1]?.answer(told("cat", "ONLINE", 5));
  ann.asked[0]?.fail();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(ann.asked[2]?.user).toBe("bob");
  ann.asked[2]?.fail();
  await ann.done();
  expect(ann.statuses()).toEqual(["bob OFFLINE", "cat ONLINE"]);
});

test("[P] asking for thousands is refused as a whole once the bucket is empty, and asks nobody", async () => {
  const ann = new Ann();
  const users = (round: number): string[] => Array.from({ length: 200 }, (_, i) => `u${round}-${i}`);
  for (let round = 0; round < 7; round += 1) ann.subscribe(users(round));
  expect(ann.asked.length).toBeLessThanOrEqual(1_000);
  expect(ann.got.filter((frame) => frame.type === "error").map((frame) => frame.code)).toEqual(["rate_limited", "rate_limited"]);
});
