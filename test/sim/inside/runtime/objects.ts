// Durable Objects: one life at a time, woken by what arrives, with its storage and the sockets that outlive it. Everything that
// leaves a life waits for what it has written before (the output gate).
import type { Clock, Owner, Timer } from "../clock.ts";
import { copied } from "./copied.ts";
import { type Carried, End } from "./sockets.ts";
import { ObjectStorage } from "./storage.ts";

export type Methods = Record<string, (...given: unknown[]) => unknown>;
export type ObjectClass = new (ctx: unknown, env: unknown) => object;

/** How the platform does what it may do in several ways. */
export interface Platform {
  readonly clock: Clock;
  /** ms until a commit is durable. */
  commitDelay(): number;
  /** ms after its time; `never`: the platform has lost it, and brings it once everything is well again. */
  alarmDelay(): number | "never";
  /** Has the alarm come twice? */
  alarmTwice(): boolean;
  committed(home: Home): void;
  failed(home: Home, what: string, error: unknown): void;
}

/** A call that has arrived and is not answered. */
interface Arrived {
  method: string;
  answer(): void;
  broken(error: Error): void;
}

/** What an object keeps in memory dies with it. */
export class Life implements Owner {
  readonly name: string;
  alive = true;
  timers = 0;
  /** Its own calls that nobody has answered. */
  asking = 0;
  object: Methods = {};
  ready: Promise<unknown> = Promise.resolve();
  readonly calls = new Set<Arrived>();
  readonly home: Home;
  readonly #gate: (() => void)[] = [];

  constructor(home: Home, name: string) {
    this.home = home;
    this.name = name;
  }

  /** Once all that it has written is durable. */
  out(effect: () => void): void {
    if (this.home.storage.uncommitted) this.#gate.push(effect);
    else effect();
  }

  opened(): void {
    for (const effect of this.#gate.splice(0)) effect();
  }
}

export class Home {
  readonly kind: string;
  readonly name: string;
  readonly storage: ObjectStorage;
  life: Life | null = null;
  lives = 0;
  readonly sockets = new Set<End>();
  /** The alarm that the platform has lost for now. */
  stuck = false;
  readonly #class: ObjectClass;
  readonly #env: unknown;
  readonly #platform: Platform;
  readonly #nobody: Owner;
  #autoResponse: { request: string; response: string } | null = null;
  #alarm: { at: number; timer: Timer } | null = null;

  constructor(kind: string, name: string, made: ObjectClass, env: unknown, nobody: Owner, platform: Platform) {
    this.kind = kind;
    this.name = name;
    this.#class = made;
    this.#env = env;
    this.#nobody = nobody;
    this.#platform = platform;
    this.storage = new ObjectStorage(kind, {
      began: () => void platform.clock.after(nobody, platform.commitDelay(), `commit ${this.label}`, () => this.storage.commit()),
      committed: () => {
        this.#arm();
        platform.committed(this);
        this.life?.opened();
      },
    });
  }

  get label(): string {
    return `${this.kind}:${this.name.slice(0, 12)}`;
  }

  /** It could sleep: nothing is under way in it. */
  get idle(): boolean {
    const { life } = this;
    return life === null || (life.timers === 0 && life.asking === 0 && life.calls.size === 0 && !this.storage.uncommitted && this.storage.firing === null);
  }

  get underWay(): string {
    const { life, storage } = this;
    return `${life?.timers} timers, ${life?.asking} own calls, calls of ${[...(life?.calls ?? [])].map(({ method }) => method).join()}${storage.uncommitted ? ", a commit" : ""}${storage.firing === null ? "" : ", an alarm"}`;
  }

  /** A call from outside. `done` and `broken` hear of it once, in the name of nobody. */
  call(method: string, given: readonly unknown[], done: (result: unknown) => void, broken: (error: Error) => void): void {
    const life = this.#awake();
    const arrived: Arrived = { method, answer: () => life.calls.delete(arrived), broken };
    life.calls.add(arrived);
    this.#run(life, async () => {
      const called = life.object[method];
      if (called === undefined) throw new TypeError(`${this.kind} has no method ${method}`);
      return called.apply(life.object, given as unknown[]);
    }, (result) => {
      const copy = result instanceof Response ? result : copied(result);
      life.out(() => {
        arrived.answer();
        done(copy);
      });
    }, (error) => {
      life.out(() => {
        arrived.answer();
        broken(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** What arrives at a socket that the object has accepted. */
  socketEvent(end: End, carried: Carried): void {
    if (carried.kind === "message" && carried.data === this.#autoResponse?.request) {
      end.answered_at = new Date(this.#platform.clock.now);
      const { response } = this.#autoResponse;
      if (end.readyState === 1) end.send(response);
      return;
    }
    const life = this.#awake();
    if (carried.kind === "close") this.sockets.delete(end);
    const failed = (error: unknown): void => this.#platform.failed(this, "a socket's handler", error);
    this.#run(life, async () => (carried.kind === "message"
      ? life.object["webSocketMessage"]?.(end, carried.data)
      : life.object["webSocketClose"]?.(end, carried.code, carried.reason, carried.clean)), () => {
      if (carried.kind === "close") end.readyState = 3;
    }, failed);
  }

  /** Its process dies: what was not durable is lost, its sockets end, and who waits for it hears that it broke. */
  crash(): readonly Arrived[] {
    this.storage.crash();
    const waiting = [...(this.life?.calls ?? [])];
    this.#end();
    this.#arm();
    return waiting;
  }

  /** After a crash its storage is gone, too. */
  vanish(): void {
    this.storage.vanish();
    this.#arm();
  }

  /** Its constructor runs, as it does when anything reaches it. */
  wake(): void {
    this.#awake();
  }

  /** It sleeps: its sockets stay. */
  sleep(): void {
    this.#end();
  }

  /** The platform gives its alarm up for good; what wakes the object next must arm it again. */
  loseAlarm(): void {
    this.#alarm?.timer.cancel();
    this.#alarm = null;
    this.storage.lose();
  }

  /** The platform has its alarms again. */
  unstick(): void {
    if (!this.stuck) return;
    this.stuck = false;
    this.#alarm = null;
    this.#arm();
  }

  #end(): void {
    if (this.life !== null) this.life.alive = false;
    this.life = null;
  }

  #awake(): Life {
    if (this.life !== null) return this.life;
    const life = new Life(this, `${this.label}#${++this.lives}`);
    this.life = life;
    this.#platform.clock.as(life, () => {
      life.object = new this.#class(this.#context(life), this.#env) as Methods;
    });
    return life;
  }

  #run(life: Life, run: () => Promise<unknown>, returned: (result: unknown) => void, failed: (error: unknown) => void): void {
    this.#platform.clock.as(life, () => void life.ready.then(run).then((result) => returned(result), (error: unknown) => failed(error)));
  }

  #context(life: Life): object {
    const { storage, sockets } = this;
    return {
      id: { name: this.name, toString: () => this.name },
      storage,
      blockConcurrencyWhile: (work: () => Promise<unknown>) => {
        const blocked = life.ready.then(work);
        life.ready = blocked.catch((error: unknown) => this.#platform.failed(this, "waking", error));
        return blocked;
      },
      waitUntil: (work: Promise<unknown>) => void work.catch((error: unknown) => this.#platform.failed(this, "work in the background", error)),
      acceptWebSocket: (end: End, tags: readonly string[] = []) => {
        end.tags = tags;
        sockets.add(end);
        end.receivedBy((carried) => this.socketEvent(end, carried));
      },
      getWebSockets: (tag?: string) => [...sockets].filter((end) => end.readyState < 3 && (tag === undefined || end.tags.includes(tag))),
      getTags: (end: End) => end.tags,
      setWebSocketAutoResponse: (pair: { request: string; response: string } | undefined) => (this.#autoResponse = pair ?? null),
      getWebSocketAutoResponseTimestamp: (end: End) => end.answered_at,
      abort: (reason?: string) => {
        throw new Error(reason ?? "aborted");
      },
    };
  }

  /** The platform's alarm follows what is durable. */
  #arm(): void {
    const at = this.storage.alarm;
    if (this.stuck || this.#alarm?.at === at) return;
    this.#alarm?.timer.cancel();
    this.#alarm = null;
    if (at === null) return;
    const { clock } = this.#platform;
    const late = this.#platform.alarmDelay();
    if (late === "never") {
      this.stuck = true;
      return;
    }
    this.#alarm = { at, timer: clock.after(this.#nobody, Math.max(0, at - clock.now) + late, `alarm ${this.label}`, () => this.#fire()) };
  }

  #fire(): void {
    this.#alarm = null;
    if (this.storage.alarm === null) return;
    this.storage.fire();
    this.#handle(this.#platform.alarmTwice());
  }

  #handle(twice: boolean): void {
    const life = this.#awake();
    this.#run(life, async () => life.object["alarm"]?.(), () => life.out(() => {
      this.storage.fired();
      this.#arm();
      if (twice) this.#platform.clock.after(life, 1, `alarm again ${this.label}`, () => this.#handle(false));
    }), (error) => this.#platform.failed(this, "alarm()", error));
  }
}
