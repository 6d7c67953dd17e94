// Sessions and shards of the directory with nothing between them but calls that may be lost, answered by nobody, or come
// late. A session that dies takes its memory along and leaves its rows.
import { handleShard } from "../../durable-objects/directory/shards.ts";
import { Shard } from "../../durable-objects/directory/shard.ts";
import { DirectoryStore } from "../../durable-objects/directory/store.ts";
import { type AccountCore, Profiles } from "../../durable-objects/session/profile.ts";
import { SessionStore } from "../../durable-objects/session/store.ts";
import { UserStore } from "../../durable-objects/session/store/users.ts";
import type { DirectoryCalls } from "../../protocol/rpc/users.ts";
import type { ProfilePatch } from "../../protocol/users.ts";
import { nodeSql } from "./sqlite.ts";

/** What becomes of a call: it arrives and is answered, its answer is lost, it never arrives, or it arrives after its failure. */
export type Fate = "arrives" | "answer lost" | "lost" | "late";

interface Flight {
  from: Session;
  call: () => Promise<unknown>;
  answer: (answer: unknown) => void;
  fail: (error: Error) => void;
}

class Session {
  readonly userId: string;
  readonly users: UserStore;
  profiles: Profiles;
  core: AccountCore;
  private readonly world: DirectoryWorld;
  private life = 0;

  constructor(world: DirectoryWorld, userId: string) {
    this.world = world;
    this.userId = userId;
    const store = new SessionStore(nodeSql());
    store.commitRegistered(userId, 0);
    this.users = new UserStore(store.sql);
    this.core = this.wake();
    this.profiles = this.open();
  }

  get handle(): string | null {
    return this.users.readAccount()?.profile.handle ?? null;
  }

  /** What was under way in this life is answered by nobody. */
  die(): void {
    this.life += 1;
    this.core = this.wake();
    this.profiles = this.open();
  }

  isDue(): boolean {
    return this.profiles.task.dueAt(this.world.now) !== null;
  }

  private wake(): AccountCore {
    return { userId: this.userId, account: this.users.readAccount(), users: this.users, register: () => undefined, arm: () => undefined, expel: () => undefined };
  }

  private open(): Profiles {
    const life = this.life;
    const alive = () => life === this.life;
    const profiles = new Profiles(this.core, { take: () => ({ ok: true, bucket: { tokens: 1, at: 0 } }) }, (shard) => this.world.stub(this, shard, alive));
    profiles.open();
    return profiles;
  }
}

export class DirectoryWorld {
  readonly sessions: Session[];
  readonly flights: Flight[] = [];
  readonly late: (() => Promise<unknown>)[] = [];
  now = 0;
  private readonly shards = new Map<string, Shard>();

  constructor(users: readonly string[]) {
    this.sessions = users.map((userId) => new Session(this, userId));
  }

  shard(name: string): Shard {
    const shard = this.shards.get(name) ?? new Shard(new DirectoryStore(nodeSql()), () => this.now);
    this.shards.set(name, shard);
    return shard;
  }

  stub(from: Session, shard: string, alive: () => boolean): DirectoryCalls {
    const method = (name: keyof DirectoryCalls) => (argument: never) =>
      new Promise((resolve, reject) => {
        const call = () => this.shard(shard)[name](argument) as Promise<unknown>;
        this.flights.push({ from, call, answer: (answer) => alive() && resolve(answer), fail: (error) => alive() && reject(error) });
      });
    return { claim: method("claim"), release: method("release"), holder: method("holder"), put: method("put"), find: method("find") } as unknown as DirectoryCalls;
  }

  change(user: number, patch: ProfilePatch): void {
    const session = this.sessions[user] as Session;
    void session.profiles.change({ user_id: session.userId, patch, by: "service" });
  }

  access(user: number, deactivated: boolean): void {
    (this.sessions[user] as Session).profiles.setAccess({ deactivated });
  }

  die(user: number): void {
    (this.sessions[user] as Session).die();
  }

  /** The alarm; what it could not do it does later. */
  fire(user: number): void {
    const session = this.sessions[user] as Session;
    if (session.isDue()) session.profiles.task.run(this.now).catch(() => undefined);
  }

  async land(which: number, fate: Fate): Promise<void> {
    const [flight] = this.flights.splice(which % Math.max(1, this.flights.length), 1);
    if (flight !== undefined) {
      const answer = fate === "arrives" || fate === "answer lost" ? await flight.call() : undefined;
      if (fate === "late") this.late.push(flight.call);
      if (fate === "arrives") flight.answer(answer);
      else flight.fail(new Error(fate));
    }
    await this.quiet();
  }

  async landLate(which: number): Promise<void> {
    const [call] = this.late.splice(which % Math.max(1, this.late.length), 1);
    await call?.();
  }

  /** Everything that can go on without another call does. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  /** No more faults: until nobody owes the directory anything. What was late comes in between, or never. */
  async settle(): Promise<void> {
    for (let round = 0; round < 1_000; round += 1) {
      this.sessions.forEach((_session, user) => this.fire(user));
      await this.quiet();
      while (this.flights.length > 0) await this.land(0, "arrives");
      if (!this.sessions.some((session) => session.isDue())) return;
    }
    throw new Error("it does not settle");
  }

  async holderOf(handle: string): Promise<string | null> {
    return this.shard(handleShard(handle)).holder({ handle });
  }
}
