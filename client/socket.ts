// One WebSocket from its handshake to its end: waits for `hello`, keeps it alive with bare pings and notices when nothing
// answers. It never comes back; that is connection.ts.
import { decodeNotify } from "../protocol/frames/notify.ts";
import type { Environment, SocketLike } from "./environment.ts";
import { decodeServerText, encodeClientFrames, type ServerFrame } from "./frames.ts";
import type { Link, LinkHandlers } from "./link.ts";

export interface SocketTimes {
  /** From the start to `hello`, ms. */
  handshake_ms: number;
  /** From a ping, or the last message since, until its pong, ms. */
  pong_ms: number;
  /** While polls carry the connection: until another socket is tried, ms. */
  socket_again_ms: number;
}

export class Socket implements Link {
  readonly #socket: SocketLike;
  readonly #environment: Environment;
  readonly #times: SocketTimes;
  readonly #handlers: LinkHandlers;
  #opened = false;
  #greeted_at: number | null = null;
  #ended = false;
  #interval_ms = 0;
  #cancelNext: () => void;
  #cancelPong: (() => void) | null = null;

  constructor(url: string, protocols: string[], environment: Environment, times: SocketTimes, handlers: LinkHandlers) {
    this.#environment = environment;
    this.#times = times;
    this.#handlers = handlers;
    this.#socket = environment.openSocket(url, protocols);
    this.#socket.binaryType = "arraybuffer";
    this.#cancelNext = environment.later(times.handshake_ms, () => this.drop("no hello in time"));
    this.#socket.addEventListener("open", () => (this.#opened = true));
    this.#socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#finish(code, reason));
    // A close event follows every error and says more.
    this.#socket.addEventListener("error", () => undefined);
  }

  write(frames: readonly object[]): boolean {
    if (this.#ended || this.#greeted_at === null) return false;
    this.#socket.send(encodeClientFrames(frames));
    return true;
  }

  check(): void {
    if (this.#ended || this.#greeted_at === null || this.#cancelPong !== null) return;
    this.#socket.send("ping");
    this.#awaitPong();
  }

  /** From the next ping on. */
  beatEvery(interval_ms: number): void {
    this.#interval_ms = interval_ms;
    if (this.#greeted_at === null || this.#ended) return;
    this.#cancelNext();
    this.#beat();
  }

  #awaitPong(): void {
    this.#cancelPong?.();
    this.#cancelPong = this.#environment.later(this.#times.pong_ms, () => this.drop("no pong"));
  }

  drop(reason: string): void {
    if (this.#ended) return;
    this.#finish(1006, reason);
    this.#socket.close(4000, reason);
  }

  close(): void {
    if (this.#ended) return;
    this.#finish(1000, "closed here");
    this.#socket.close(1000);
  }

  #onMessage(message: unknown): void {
    if (this.#ended) return;
    if (message === "pong") {
      this.#cancelPong?.();
      this.#cancelPong = null;
      return;
    }
    // Other messages give the pong more time and do not stand for it: they may have been under way before the line died.
    if (this.#cancelPong !== null) this.#awaitPong();
    if (typeof message !== "string") {
      const notify = message instanceof ArrayBuffer ? decodeNotify(new Uint8Array(message)) : null;
      // Other binary messages are a later protocol's.
      if (notify !== null) this.#handlers.notified(notify.handle, notify.seq);
      return;
    }
    const { frames, malformed } = decodeServerText(message);
    if (malformed.length > 0) this.#handlers.malformed(malformed);
    const rest = this.#greeted_at === null ? this.#greet(frames) : frames;
    if (rest.length > 0 && !this.#ended) this.#handlers.frames(rest);
  }

  #greet(frames: ServerFrame[]): ServerFrame[] {
    const hello = frames.find((frame) => frame.type === "hello");
    if (hello === undefined) return frames;
    this.#greeted_at = this.#environment.now();
    this.#interval_ms = hello.heartbeat.interval_ms;
    this.#cancelNext();
    this.#beat();
    this.#handlers.hello(hello);
    return frames.filter((frame) => frame !== hello);
  }

  #beat(): void {
    this.#cancelNext = this.#environment.later(this.#interval_ms, () => {
      this.check();
      this.#beat();
    });
  }

  #finish(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelNext();
    this.#cancelPong?.();
    const open_ms = this.#greeted_at === null ? 0 : Math.max(1, this.#environment.now() - this.#greeted_at);
    this.#handlers.end({ opened: this.#opened, open_ms, code, reason });
  }
}
