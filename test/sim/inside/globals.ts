// Time, timers, chance and compression of the process, as the simulated world has them. The product's code asks the globals, as
// it does where it runs; installed once, they serve one world after the other.
import { gzipSync } from "node:zlib";
import type { Chance } from "./chance.ts";
import type { Clock, Timer } from "./clock.ts";
import { webSocketGlobals } from "./runtime/sockets.ts";

export interface GlobalPorts {
  clock: Clock;
  chance: Chance;
  fetch(url: string, init: RequestInit): Promise<Response>;
  logged(line: string): void;
}

let world: GlobalPorts | null = null;

export function enter(ports: GlobalPorts | null): void {
  world = ports;
}

function here(): GlobalPorts {
  if (world === null) throw new Error("no world is there");
  return world;
}

interface VirtualTimer extends Timer {
  unref(): VirtualTimer;
}

function timer(run: () => void, ms: number, again: boolean): VirtualTimer {
  const { clock } = here();
  const owner = clock.current;
  let pending: Timer | null = null;
  const plan = (): void => {
    pending = clock.after(owner, Math.max(ms, again ? 1 : 0), again ? "interval" : "timeout", () => {
      pending = null;
      if (again) plan();
      else owner.timers -= 1;
      run();
    });
  };
  owner.timers += 1;
  plan();
  const self: VirtualTimer = {
    cancel: () => {
      if (pending === null) return;
      pending.cancel();
      pending = null;
      owner.timers -= 1;
    },
    unref: () => self,
  };
  return self;
}

const RealDate = Date;
const RealResponse = Response;

class VirtualDate extends RealDate {
  constructor(...given: []) {
    if (given.length === 0) super(here().clock.now);
    else super(...given);
  }

  static override now(): number {
    return here().clock.now;
  }
}

function randomValues<T extends Uint8Array>(bytes: T): T {
  const { chance } = here();
  for (let i = 0; i < bytes.length; i++) bytes[i] = chance.below(256);
  return bytes;
}

function randomUuid(): string {
  const bytes = randomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** An upgrade's answer, which Node's own class refuses. */
const UpgradingResponse = new Proxy(RealResponse, {
  construct(target, [body, init]: [BodyInit | null, (ResponseInit & { webSocket?: unknown })?], newTarget) {
    if (init?.status !== 101) return Reflect.construct(target, [body, init], newTarget) as object;
    const response = Reflect.construct(target, [body, { headers: init.headers ?? {} }], newTarget) as object;
    Object.defineProperties(response, { status: { value: 101 }, webSocket: { value: init.webSocket } });
    return response;
  },
});

/** Node's own is read by a thread. */
class SynchronousBlob {
  readonly #parts: readonly string[];

  constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  stream(): ReadableStream<Uint8Array> {
    const bytes = new TextEncoder().encode(this.#parts.join(""));
    return new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes);
        controller.close();
      },
    });
  }
}

/** Compresses at once: a thread of its own would answer when it likes. */
class SynchronousCompression {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;

  constructor() {
    const chunks: Uint8Array[] = [];
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk) => void chunks.push(chunk),
      flush: (controller) => controller.enqueue(new Uint8Array(gzipSync(Buffer.concat(chunks), { level: 1 }))),
    });
    this.readable = readable;
    this.writable = writable;
  }
}

export function install(): void {
  const virtual = {
    Date: VirtualDate,
    setTimeout: (run: () => void, ms = 0) => timer(run, ms, false),
    setInterval: (run: () => void, ms = 0) => timer(run, ms, true),
    clearTimeout: (given: VirtualTimer | undefined) => given?.cancel(),
    clearInterval: (given: VirtualTimer | undefined) => given?.cancel(),
    crypto: { getRandomValues: randomValues, randomUUID: randomUuid },
    fetch: (url: string | URL, init: RequestInit = {}) => here().fetch(String(url), init),
    Response: UpgradingResponse,
    Blob: SynchronousBlob,
    CompressionStream: SynchronousCompression,
    ...webSocketGlobals,
  };
  for (const [name, value] of Object.entries(virtual)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  Math.random = () => here().chance.next();
  performance.now = () => here().clock.now;
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new DOMException("timed out", "TimeoutError")), ms);
    return controller.signal;
  };
  const logged = (line: string): void => world?.logged(line);
  Object.assign(globalThis.console, { log: logged, error: logged, warn: logged });
}
