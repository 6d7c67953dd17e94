// All that the client takes from its surroundings: time, chance, sockets and HTTP. A simulation gives its own.
import { type Put, systemPut } from "./media/put.ts";

/** The part of the standard WebSocket that is used. */
export interface SocketLike {
  binaryType: string;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
}

export interface Environment {
  /** Milliseconds since 1970. */
  now: () => number;
  /** Calls `run` after `ms`; the result cancels it. */
  later(ms: number, run: () => void): () => void;
  /** In [0, 1). */
  random(): number;
  /** A random UUID. */
  uuid(): string;
  openSocket(url: string, protocols: string[]): SocketLike;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Writes a file, or a part of one, to a pre-signed address. */
  put: Put;
}

/** Timers hold at most this: a longer wait would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemEnvironment: Environment = {
  now: () => Date.now(),
  later(ms, run) {
    const timer = setTimeout(run, Math.min(ms, LONGEST_MS));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  uuid: randomUuid,
  openSocket: (url, protocols) => new WebSocket(url, protocols) as SocketLike,
  fetch: (url, init) => fetch(url, init),
  put: systemPut,
};

/** `crypto.randomUUID` is missing where a page is not served from https or localhost. */
function randomUuid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
