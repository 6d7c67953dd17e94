// An HTTP proxy as companies have them: it passes requests and refuses every upgrade, while it is told to.
import { createServer, request } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { listen } from "../loopback.ts";

export interface NoUpgradeProxy {
  readonly url: string;
  readonly wsUrl: string;
  /** While false, sockets pass. Default true. */
  blocks: boolean;
  /** Upgrades that were refused. */
  readonly refused: () => number;
  /** Ends the sockets that have passed. */
  cut(): void;
  close(): Promise<void>;
}

/** @param target http://host:port */
export async function noUpgradeProxy(target: string): Promise<NoUpgradeProxy> {
  let refused = 0;
  const open = new Set<Socket | Duplex>();
  const server = createServer((incoming, outgoing) => {
    const passed = request(new URL(incoming.url ?? "/", target), { method: incoming.method ?? "GET", headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on("upgrade", (incoming, near) => {
    near.on("error", () => near.destroy());
    if (proxy.blocks) {
      refused += 1;
      near.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    const { hostname, port } = new URL(target);
    const far = connect(Number(port), hostname, () => {
      const headers = Array.from({ length: incoming.rawHeaders.length / 2 }, (_, i) => `${incoming.rawHeaders[2 * i]}: ${incoming.rawHeaders[2 * i + 1]}\r\n`);
      far.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
      near.pipe(far).pipe(near);
    });
    far.on("error", () => near.destroy());
    far.on("close", () => near.destroy());
    near.on("close", () => far.destroy());
    for (const socket of [near, far]) open.add(socket);
  });
  const { url, close } = await listen(server);
  const proxy: NoUpgradeProxy = {
    url,
    wsUrl: url.replace("http", "ws"),
    blocks: true,
    refused: () => refused,
    cut: () => {
      for (const socket of open) socket.destroy();
      open.clear();
    },
    close: () => {
      proxy.cut();
      return close();
    },
  };
  return proxy;
}
