// Receipts in the conversation's own parts, against a small model that knows nothing of pages, flushes or seqs passed: every
// member's receipts and messages, in the order in which they were taken.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { MemberStatusFrame } from "../../protocol/frames/receipt.ts";
import { size } from "../sizes.ts";
import { World } from "./world.ts";

const USERS = ["ann", "bob", "cat", "dan"];
const OTHERS = ["eve"];

type Step =
  | { do: "append" | "connect" | "disconnect" | "add" | "remove" | "fail"; user: string }
  | { do: "receipt"; user: string; back: number; read: boolean }
  | { do: "crash" | "fire" | "quiet" | "pass" };

const anybody = fc.constantFrom(...USERS, ...OTHERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), user: anybody }) },
  // Also above the head, and far below what they see.
  { weight: 10, arbitrary: fc.record({ do: fc.constant("receipt" as const), user: anybody, back: fc.integer({ min: -2, max: 6 }), read: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("connect" as const, "disconnect" as const, "fail" as const), user: anybody }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("add" as const, "remove" as const), user: fc.constantFrom("cat", "dan", ...OTHERS) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("crash" as const, "fire" as const, "quiet" as const, "pass" as const) }) },
);

interface Stay {
  user: string;
  joined: number;
  left: number;
  delivered: number;
  read: number;
}

/** What should be: stays with their watermarks, and messages. */
class Model {
  readonly stays: Stay[];
  readonly messages: { seq: number; sender: string }[] = [];
  head = 1;

  constructor(users: string[]) {
    this.stays = users.map((user) => ({ user, joined: 1, left: Infinity, delivered: 0, read: 0 }));
  }

  member(user: string): Stay | undefined {
    return this.stays.find((stay) => stay.user === user && stay.left === Infinity);
  }

  /** @returns what the conversation must answer */
  receipt(user: string, seq: number, read: boolean): "ok" | "bad_receipt" | "not_found" {
    const stay = this.member(user);
    if (stay === undefined) return "not_found";
    if (seq > this.head || seq < stay.joined) return "bad_receipt";
    stay.delivered = Math.max(stay.delivered, seq);
    if (read) stay.read = Math.max(stay.read, seq);
    return "ok";
  }

  append(user: string): void {
    const stay = this.member(user);
    if (stay === undefined) return;
    this.head += 1;
    this.messages.push({ seq: this.head, sender: user });
    stay.read = this.head;
    stay.delivered = this.head;
  }

  add(user: string): void {
    if (this.member(user) !== undefined) return;
    this.head += 1;
    this.stays.push({ user, joined: this.head, left: Infinity, delivered: 0, read: 0 });
  }

  remove(user: string): void {
    const stay = this.member(user);
    if (stay === undefined) return;
    this.head += 1;
    stay.left = this.head;
  }

  /** By user, each as often as they count. */
  of(message: { seq: number; sender: string }): string[] {
    return this.stays.filter((stay) => stay.user !== message.sender && stay.joined <= message.seq && message.seq < stay.left)
      .map((stay) => `${stay.user} ${stay.read >= message.seq ? "READ" : stay.delivered >= message.seq ? "DELIVERED" : "SENT"}`).toSorted();
  }
}

/** What the endpoint would say of a message, as somebody sees it who sees everything. */
function told(world: World, seq: number): string[] {
  const msgId = world.store.readMsgId(seq) as string;
  const all = { user_id: "nobody", role: "member" as const, joined_seq: 1, left_seq: null };
  const told = world.acknowledging.receipts.ofMessage(all, msgId);
  const receipts = told.ok ? told.receipts : [];
  return receipts.map(({ user_id, status }) => `${user_id} ${status}`).toSorted();
}

const RANK = { SENT: 0, DELIVERED: 1, READ: 2 };
type Status = keyof typeof RANK;

/** No status that a sender was told, or that the endpoint once said, is ever taken back. */
class NeverBack {
  private readonly best = new Map<string, Status>();

  look(world: World, messages: readonly { seq: number }[]): void {
    for (const { seq } of messages) {
      const lines = told(world, seq);
      for (const line of lines) this.raise(seq, line);
      // Of one's own messages there is no status to be told.
      for (const [key, status] of this.best) {
        const [at, user] = key.split(" ");
        if (Number(at) !== seq) continue;
        const now = lines.filter((line) => line.startsWith(`${user} `)).map((line) => RANK[line.split(" ")[1] as Status]);
        expect(Math.max(...now), `${user} of message ${seq} was ${status}`).toBeGreaterThanOrEqual(RANK[status]);
      }
    }
  }

  heard(frame: MemberStatusFrame, sender: string, model: Model): void {
    for (const message of model.messages) {
      const stay = model.stays.findLast((one) => one.user === frame.user_id && one.joined <= message.seq && message.seq < one.left);
      if (message.sender === sender && message.seq <= frame.up_to_seq && stay !== undefined && stay.left === Infinity) this.raise(message.seq, `${frame.user_id} ${frame.status}`);
    }
  }

  private raise(seq: number, line: string): void {
    const [user = "", status = "SENT"] = line.split(" ");
    const key = `${seq} ${user}`;
    if (RANK[status as Status] > RANK[this.best.get(key) ?? "SENT"]) this.best.set(key, status as Status);
  }
}

interface Run {
  world: World;
  model: Model;
  answers: Promise<void>[];
}

/** @param at the answers that are due are checked as they come: what is refused is refused at once, and for the same reason */
async function take({ world, model, answers }: Run, given: Step): Promise<void> {
  switch (given.do) {
    case "append": world.append(given.user); model.append(given.user); return;
    case "receipt": {
      const seq = model.head - given.back;
      if (seq < 1) return;
      const expected = model.receipt(given.user, seq, given.read);
      answers.push(world.receipt(given.user, given.read ? { read_seq: seq } : { delivered_seq: seq }).then((reply) => {
        expect(reply.ok ? "ok" : reply.code, `${given.user} ${seq}`).toBe(expected);
      }));
      return;
    }
    case "connect": return world.connect(given.user);
    case "disconnect": return world.disconnect(given.user);
    case "add": world.add(given.user); model.add(given.user); return;
    case "remove": {
      // Who goes while a receipt of theirs is under way may be refused or not: both are right, so it is not asked.
      await world.quiet();
      world.remove(given.user);
      model.remove(given.user);
      return;
    }
    case "fail": world.session(given.user).fails += 1; return;
    case "crash": return world.crash();
    case "fire": return world.fire();
    case "quiet": return world.quiet();
    case "pass": world.now += 100; return;
  }
}

function begin(): Run {
  const world = new World(USERS);
  for (const user of [...USERS, ...OTHERS]) world.session(user).acknowledges = false;
  return { world, model: new Model(USERS), answers: [] };
}

test("[R4] [D12] [E2] [E3] watermarks and counts are the model's, over duplicates, reorders, joiners, leavers and crashes, and never go back", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
    const run = begin();
    const { world, model } = run;
    const never = new NeverBack();
    for (const given of steps) {
      await take(run, given);
      for (const session of world.sessions.values()) {
        for (const frame of session.told.splice(0)) if ("user_id" in frame) never.heard(frame, session.userId, model);
      }
      never.look(world, model.messages);
    }
    for (const session of world.sessions.values()) session.fails = 0;
    await world.quiet();
    await Promise.all(run.answers);
    // Somebody's next receipt stores what was only read by sending.
    for (const message of model.messages) expect(told(world, message.seq), `message ${message.seq}`).toEqual(model.of(message));
    world.crash();
    for (const message of model.messages) expect(told(world, message.seq), `message ${message.seq} after a crash`).toEqual(model.of(message));
  }), { numRuns: size("receipt step sequences", 80, 5_000) });
});
