// A second front door: copies bytes between its own port and the first one.
import { connect, createServer, type Server, type Socket } from "node:net";
import { HOST } from "../ports.ts";

export interface Forwarder {
  close(): Promise<void>;
}

/** Listens on `port` and forwards each connection to `target`, both on 127.0.0.1. Rejects when the port is taken. */
export function forward(port: number, target: number): Promise<Forwarder> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port: target, host: HOST, allowHalfOpen: true, noDelay: true });
    join(near, far, open);
    join(far, near, open);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: HOST }, () => {
      server.off("error", reject);
      resolve({ close: () => closeAll(server, open) });
    });
  });
}

function join(from: Socket, to: Socket, open: Set<Socket>): void {
  open.add(from);
  from.pipe(to);
  // A reset of one side is told to the other as a reset: a clean end would claim that all data had come.
  from.once("error", () => to.resetAndDestroy());
  from.once("close", (hadError) => {
    open.delete(from);
    if (!hadError && !to.destroyed && from.readableEnded === false) to.destroy();
  });
}

function closeAll(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    for (const socket of open) socket.destroy();
  });
}
