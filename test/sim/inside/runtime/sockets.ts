// WebSockets as the product's code sees them: a pair of ends, of which one is accepted by an object and the other travels with
// the answer to whoever asked. What one end sends goes through `carry`, which is the network's.
import { copied } from "./copied.ts";

export type Carried =
  | { kind: "message"; data: string | ArrayBuffer }
  | { kind: "close"; code: number; reason: string; clean: boolean };

type Listener = (event: never) => void;

export interface Carrier {
  /** Takes what an end sends towards its peer. */
  carry(from: End, carried: Carried): void;
  /** An end's listeners belong to who accepted it. */
  accepted(end: End): void;
}

let carrier: Carrier | null = null;

export function carriedBy(given: Carrier | null): void {
  carrier = given;
}

/** Of the line between two ends: what is known of it on the network. */
export class Line {
  /** ms of the last arrival, by direction. */
  readonly last = [0, 0];
  /** What arrives later than this is lost, ms. */
  readonly ends_at = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  /** ms */
  latency = 0;
  /** What this line is called in a trace. */
  name = "line";
}

export class End {
  readonly line: Line;
  readonly side: 0 | 1;
  peer!: End;
  tags: readonly string[] = [];
  /** Who gets what arrives; what arrives before is kept. */
  #receiver: ((carried: Carried) => void) | null = null;
  #early: Carried[] = [];
  readonly #listeners = new Map<string, Listener[]>();
  #attachment: unknown = null;
  binaryType = "arraybuffer";
  /** 1: open, 2: closed from this side, 3: closed. */
  readyState = 1;
  answered_at: Date | null = null;

  constructor(line: Line, side: 0 | 1) {
    this.line = line;
    this.side = side;
  }

  send(data: string | ArrayBuffer | Uint8Array): void {
    if (this.readyState !== 1) throw new TypeError("Can't call WebSocket send() after close().");
    this.#carrier.carry(this, { kind: "message", data: typeof data === "string" ? data : new Uint8Array(data).slice().buffer });
  }

  close(code = 1005, reason = ""): void {
    if (this.readyState >= 2) return;
    this.readyState = this.readyState === 1 ? 2 : 3;
    this.#carrier.carry(this, { kind: "close", code, reason, clean: true });
  }

  accept(): void {
    this.#carrier.accepted(this);
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((one) => one !== listener));
  }

  serializeAttachment(value: unknown): void {
    this.#attachment = copied(value);
  }

  deserializeAttachment(): unknown {
    return copied(this.#attachment);
  }

  /** The network's. */
  arrived(carried: Carried): void {
    if (this.readyState === 3) return;
    if (this.#receiver === null) this.#early.push(carried);
    else this.#receiver(carried);
  }

  receivedBy(receiver: (carried: Carried) => void): void {
    this.#receiver = receiver;
    for (const carried of this.#early.splice(0)) receiver(carried);
  }

  /** To the listeners of an end that does not hibernate. */
  tell(carried: Carried): void {
    if (carried.kind === "message") {
      for (const listener of this.#listeners.get("message") ?? []) listener({ data: carried.data } as never);
      return;
    }
    this.readyState = 3;
    const { code, reason, clean } = carried;
    for (const listener of this.#listeners.get("close") ?? []) listener({ code, reason, wasClean: clean } as never);
  }

  get #carrier(): Carrier {
    if (carrier === null) throw new Error("no network is there");
    return carrier;
  }
}

class Pair {
  readonly 0: End;
  readonly 1: End;

  constructor() {
    const line = new Line();
    this[0] = new End(line, 0);
    this[1] = new End(line, 1);
    this[0].peer = this[1];
    this[1].peer = this[0];
  }
}

class RequestResponsePair {
  readonly request: string;
  readonly response: string;

  constructor(request: string, response: string) {
    this.request = request;
    this.response = response;
  }
}

export const webSocketGlobals = { WebSocketPair: Pair, WebSocketRequestResponsePair: RequestResponsePair };
