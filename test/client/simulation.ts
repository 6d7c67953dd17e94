// A clock that only moves when told, chance from a seed, and sockets that the test answers.
import type { Environment, SocketLike } from "../../client/environment.ts";
import type { PutAnswer } from "../../client/media/put.ts";
import type { OutboxFiles } from "../../client/outbox.ts";

/** For an outbox whose messages bring no files. */
export const NO_FILES: OutboxFiles = { start: () => undefined, keep: () => undefined, cancel: () => undefined, wake: () => undefined };

type Listener = (event: never) => void;

export class SimulatedSocket implements SocketLike {
  readonly url: string;
  binaryType = "blob";
  readonly sent: string[] = [];
  readonly #listeners = new Map<string, Listener[]>();

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    // What the server sees of it does not matter here.
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  open(hello: object): void {
    this.#tell("open", {});
    this.#tell("message", { data: JSON.stringify(hello) });
  }

  message(text: string): void {
    this.#tell("message", { data: text });
  }

  end(code = 1006): void {
    this.#tell("close", { code, reason: "" });
  }
}

export class Simulation implements Environment {
  readonly sockets: SimulatedSocket[] = [];
  #now = 1_750_000_000_000;
  readonly #timers = new Map<number, Set<() => void>>();
  #seed: number;
  #ids = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  now(): number {
    return this.#now;
  }

  later(ms: number, run: () => void): () => void {
    const at = this.#now + Math.ceil(ms);
    const due = this.#timers.get(at) ?? new Set();
    this.#timers.set(at, due);
    due.add(run);
    return () => {
      due.delete(run);
      if (due.size === 0) this.#timers.delete(at);
    };
  }

  /** mulberry32 */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    return `id-${++this.#ids}`;
  }

  openSocket(url: string): SimulatedSocket {
    const socket = new SimulatedSocket(url);
    this.sockets.push(socket);
    return socket;
  }

  fetch(): Promise<Response> {
    return Promise.reject(new TypeError("no network here"));
  }

  put(): Promise<PutAnswer> {
    return Promise.reject(new TypeError("no network here"));
  }

  /** Lets promises settle, then runs what is due, until `ms` have passed. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      let next = Number.POSITIVE_INFINITY;
      for (const at of this.#timers.keys()) next = Math.min(next, at);
      if (next > end) break;
      this.#now = next;
      const due = this.#timers.get(next) as Set<() => void>;
      for (const run of due) {
        due.delete(run);
        run();
      }
      if (due.size === 0) this.#timers.delete(next);
    }
    this.#now = end;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
