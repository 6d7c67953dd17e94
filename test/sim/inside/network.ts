// The network between objects, devices, the bucket and the archiver: latency from the seed, losses as the faults say. Calls over
// one stub and messages over one socket keep their order; nothing else does.
import type { Chance } from "./chance.ts";
import type { Clock, Owner } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { copied } from "./runtime/copied.ts";
import { type Home, Life } from "./runtime/objects.ts";
import type { Carried, Carrier, End } from "./runtime/sockets.ts";

/** What became of an effect whose answer was lost nobody knows. */
export type Fate = "done" | "lost" | "answer_lost";

export interface NetworkPorts {
  clock: Clock;
  chance: Chance;
  nobody: Owner;
  readonly faults: () => Faults;
  home(kind: string, name: string): Home;
  noted(what: string): void;
}

/** Something was sent and is not heard of: whether it was done nobody knows. */
export class Lost extends Error {}

interface Stub {
  last: number;
  broken: boolean;
}

export class Network implements Carrier {
  readonly #ports: NetworkPorts;
  /** Sockets of devices that read nothing until then, ms. */
  readonly #stalled = new Map<End, number>();

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  /** What leaves an object's life waits at its gate; all others send at once. */
  from(owner: Owner, effect: () => void): void {
    if (owner instanceof Life) owner.out(effect);
    else effect();
  }

  fate(probability: number): Fate {
    const { chance } = this.#ports;
    if (!chance.is(probability)) return "done";
    return chance.is(0.5) ? "lost" : "answer_lost";
  }

  /** An effect somewhere else, by whoever runs now: it happens once, or nobody hears of it. */
  effect<T>(what: string, fate: Fate, latency: () => number, work: () => T | Promise<T>): Promise<T> {
    const { clock, nobody } = this.#ports;
    const asker = clock.current;
    if (asker instanceof Life) asker.asking += 1;
    return new Promise<T>((resolve, reject) => {
      const back = (end: () => void): void => void clock.after(asker, latency(), `answer ${what}`, () => {
        if (asker instanceof Life) asker.asking -= 1;
        end();
      });
      this.from(asker, () => {
        if (fate === "lost") {
          back(() => reject(new Lost(`${what}: no answer`)));
          return;
        }
        clock.after(nobody, latency(), what, () => {
          Promise.resolve().then(work).then((result) => {
            back(() => (fate === "done" ? resolve(result) : reject(new Lost(`${what}: the answer is lost`))));
          }, (error: unknown) => back(() => reject(error as Error)));
        });
      });
    });
  }

  /** A namespace of objects, as bindings have them. */
  namespace(kind: string): object {
    return { getByName: (name: string) => this.#stub(kind, name) };
  }

  #stub(kind: string, name: string): object {
    const stub: Stub = { last: 0, broken: false };
    return new Proxy({}, {
      get: (_target, method) => (typeof method === "string" && method !== "then" ? (...given: unknown[]) => this.#call(kind, name, stub, method, given) : undefined),
    });
  }

  #call(kind: string, name: string, stub: Stub, method: string, given: unknown[]): Promise<unknown> {
    const { clock, chance, nobody, faults } = this.#ports;
    const caller = clock.current;
    const arguments_ = method === "fetch" ? given : copied(given);
    const what = `${method} ${kind}:${name.slice(0, 12)}`;
    if (caller instanceof Life) caller.asking += 1;
    return new Promise((resolve, reject) => {
      let open = true;
      const back = (latency: number, end: () => void): void => {
        if (!open) return;
        open = false;
        clock.after(caller, latency, `answer ${what}`, () => {
          if (caller instanceof Life) caller.asking -= 1;
          end();
        });
      };
      const broke = (latency: number, error: Error): void => back(latency, () => {
        stub.broken = true;
        reject(error);
      });
      this.from(caller, () => {
        if (stub.broken) return broke(0, new Error("the stub is broken"));
        const fate = this.fate(faults().call_lost);
        const slow = chance.is(faults().call_slow) ? chance.skewed(20, 4_000) : 0;
        if (fate === "lost") {
          // Given up, and then it arrives all the same.
          if (chance.is(0.4)) clock.after(nobody, chance.skewed(300, 30_000), `late ${what}`, () => this.#ports.home(kind, name).call(method, arguments_, () => undefined, () => undefined));
          return broke(this.#hop() + slow, new Error("Network connection lost."));
        }
        const arrival = Math.max(stub.last, clock.now + this.#hop() + slow);
        stub.last = arrival;
        clock.after(nobody, arrival - clock.now, what, () => {
          const home = this.#ports.home(kind, name);
          home.call(method, arguments_, (result) => {
            if (fate === "answer_lost") broke(this.#hop(), new Error("Network connection lost."));
            else back(this.#hop(), () => resolve(result));
          }, (error) => broke(this.#hop(), error));
        });
      });
    });
  }

  /** An object's process dies: its sockets break, and its callers hear of it. */
  crash(home: Home): void {
    const { chance } = this.#ports;
    const sockets = [...home.sockets];
    home.sockets.clear();
    for (const call of home.crash()) call.broken(new Error("The object's process died."));
    for (const end of sockets) {
      end.readyState = 3;
      this.#end(end.peer, chance.skewed(0, 2_000));
    }
  }

  /** It is put elsewhere: as a crash, but for what it had written. */
  restart(home: Home): void {
    home.storage.commit();
    this.crash(home);
    home.wake();
  }

  /** A socket's line breaks. What is under way may still arrive, up to some time; each side hears of it at its own. */
  cut(end: End, within: number): void {
    const { clock, chance } = this.#ports;
    for (const side of [end, end.peer]) {
      end.line.ends_at[side.side] = Math.min(end.line.ends_at[side.side] as number, clock.now + chance.skewed(0, 300));
      this.#end(side, chance.skewed(0, within));
    }
  }

  stall(end: End, ms: number): void {
    this.#stalled.set(end, this.#ports.clock.now + ms);
  }

  carry(from: End, carried: Carried): void {
    const { clock, nobody } = this.#ports;
    this.from(clock.current, () => {
      const { line, peer, side } = from;
      const waits = (this.#stalled.get(peer) ?? 0) - clock.now;
      const arrival = Math.max(line.last[side] as number, clock.now + Math.max(waits, this.#ports.chance.skewed(line.latency, 3 * line.latency)));
      line.last[side] = arrival;
      if (arrival > (line.ends_at[side] as number)) return;
      this.#ports.noted(carried.kind === "message" && typeof carried.data === "string" ? carried.data : carried.kind);
      clock.after(nobody, arrival - clock.now, `${carried.kind} ${line.name}${side === 0 ? ">" : "<"}`, () => {
        if (arrival <= (line.ends_at[side] as number)) peer.arrived(carried);
      });
    });
  }

  /** An end that its life accepted by itself: its listeners run in that life, and end with it. */
  accepted(end: End): void {
    const { clock } = this.#ports;
    const owner = clock.current;
    if (owner instanceof Life) {
      owner.home.sockets.add(end);
      owner.timers += 1;
    }
    end.receivedBy((carried) => {
      if (!owner.alive) return;
      if (owner instanceof Life && carried.kind === "close") {
        owner.home.sockets.delete(end);
        owner.timers -= 1;
      }
      clock.as(owner, () => end.tell(carried));
    });
  }

  #end(end: End, after: number): void {
    const { clock, nobody } = this.#ports;
    clock.after(nobody, after, `end of ${end.line.name}`, () => end.arrived({ kind: "close", code: 1006, reason: "", clean: false }));
  }

  /** Between two objects, or the Worker and one. */
  #hop(): number {
    return this.#ports.chance.skewed(0, 4);
  }
}
