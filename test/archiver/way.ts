// A way to a server that a test can cut and mend.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export class Way {
  readonly #host: string;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  /** From client to server, by client. */
  readonly #pairs = new Map<Socket, Socket>();
  #held = false;
  #close = async (): Promise<void> => undefined;
  /** Stays the same once it was open. */
  port = 0;
  /** Called with each chunk of bytes towards the server, before it goes on. */
  onBytes: () => void = () => undefined;

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
      near.on("close", () => this.#pairs.delete(near));
      far.pipe(near);
      if (this.#held) near.pause();
      else near.pipe(far);
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
    for (const [near, far] of this.#pairs) near.unpipe(far).pause();
  }

  release(): void {
    this.#held = false;
    for (const [near, far] of this.#pairs) near.pipe(far);
  }

  /** Ends every connection, and refuses new ones. */
  async cut(): Promise<void> {
    const close = this.#close;
    this.#close = async () => undefined;
    await close();
  }
}
