// A way to a server that a test can cut, slow down, make half open, and mend.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

export class Way {
  readonly #host: string;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  /** From client to server, by client. */
  readonly #pairs = new Map<Socket, Socket>();
  readonly #onward = new WeakMap<Socket, Transform>();
  #held = false;
  #muted = false;
  #close = async (): Promise<void> => undefined;
  /** Stays the same once it was open. */
  port = 0;
  /** Called with each chunk of bytes towards the server, before it goes on. */
  onBytes: () => void = () => undefined;
  /** Called once a chunk has been handed to the server: `resetClients` here is a request that arrives, and whose answer does not. */
  onForwarded: () => void = () => undefined;
  /** Each chunk towards the server waits this long, ms. */
  delay_ms = 0;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#target = port;
  }

  async open(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.#target, this.#host);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => socket.destroy()).on("close", () => this.#sockets.delete(socket));
      }
      near.on("data", () => this.onBytes());
      this.#pairs.set(near, far);
      if (!this.#muted) far.pipe(near);
      const onward = new Transform({ transform: (chunk, _encoding, done) => void this.#forward(chunk as Buffer, done) });
      onward.pipe(far);
      this.#onward.set(near, onward);
      near.on("close", () => {
        this.#pairs.delete(near);
        onward.end();
      });
      if (this.#held) near.pause();
      else near.pipe(onward);
    });
    server.listen(this.port, this.#host);
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#close = async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of this.#sockets) socket.destroy();
      await closed;
    };
  }

  /** Nothing more reaches the server, which looks as if it hung. */
  hold(): void {
    this.#held = true;
    for (const [near] of this.#pairs) near.unpipe().pause();
  }

  release(): void {
    this.#held = false;
    for (const [near] of this.#pairs) near.pipe(this.#onward.get(near) as Transform);
  }

  /** Half open: the server gets everything and answers, and nothing of that comes back. New connections as well. */
  mute(): void {
    this.#muted = true;
    for (const [near, far] of this.#pairs) far.unpipe(near).pause();
  }

  unmute(): void {
    this.#muted = false;
    for (const [near, far] of this.#pairs) far.pipe(near);
  }

  /** A reset for every client; the server's side stays until it notices. */
  resetClients(): void {
    for (const near of this.#pairs.keys()) near.resetAndDestroy();
  }

  async #forward(chunk: Buffer, done: (error: null, chunk: Buffer) => void): Promise<void> {
    if (this.delay_ms > 0) await pause(this.delay_ms);
    done(null, chunk);
    this.onForwarded();
  }

  /** Ends every connection, and refuses new ones. */
  async cut(): Promise<void> {
    const close = this.#close;
    this.#close = async () => undefined;
    await close();
  }
}
