// An HTTP proxy as companies have them: it passes requests and refuses every upgrade.
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

export interface NoUpgradeProxy {
  readonly url: string;
  readonly wsUrl: string;
  /** Upgrades that were refused. */
  readonly refused: () => number;
  close(): Promise<void>;
}

/** @param target http://host:port */
export async function noUpgradeProxy(target: string): Promise<NoUpgradeProxy> {
  let refused = 0;
  const server = createServer((incoming, outgoing) => {
    const passed = request(new URL(incoming.url ?? "/", target), { method: incoming.method ?? "GET", headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  server.on("upgrade", (_request, socket) => {
    refused += 1;
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    refused: () => refused,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
