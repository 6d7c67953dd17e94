// A proxy that knows HTTP and no upgrades, as some offices have; it can learn them.
import { createServer, request, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

export class OldProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: number;
  knowsUpgrades = false;

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near, answer) => {
      const far = request({ port: target, host: "127.0.0.1", method: near.method, path: near.url, headers: near.headers }, (given) => {
        answer.writeHead(given.statusCode ?? 502, given.headers);
        given.pipe(answer);
      });
      far.on("error", () => answer.destroy());
      answer.on("close", () => far.destroy());
      near.pipe(far);
    });
    this.#server.on("upgrade", (near, socket: Socket, head: Buffer) => {
      if (!this.knowsUpgrades) {
        socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      const far = connect(this.#target, "127.0.0.1");
      for (const one of [socket, far]) {
        this.#sockets.add(one);
        one.on("error", () => undefined);
        one.on("close", () => [socket, far].forEach((both) => both.destroy()));
      }
      const headers = near.rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
      far.write(`${near.method} ${near.url} HTTP/1.1\r\n${headers}\r\n`);
      far.write(head);
      socket.pipe(far).pipe(socket);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every socket breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
