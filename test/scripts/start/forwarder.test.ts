// The second front door passes on bytes, ends and resets.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { forward, type Forwarder } from "../../../scripts/start/forwarder.ts";
import { freePort } from "../../../scripts/ports.ts";

const open: Forwarder[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((forwarder) => forwarder.close()));
});

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onSocket).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => { server.close(); });
  return server;
}

async function through(server: Server): Promise<Socket> {
  const port = await freePort();
  open.push(await forward(port, (server.address() as AddressInfo).port));
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("an answer still comes after the question has ended", async () => {
  const server = await listen((socket) => void readAll(socket).then((question) => socket.end(`${question.length}`)));
  const socket = await through(server);
  socket.end(Buffer.alloc(1_000_000));
  expect((await readAll(socket)).toString()).toBe("1000000");
});

test("a reset behind it is a reset before it", async () => {
  const server = await listen((socket) => {
    socket.on("error", () => undefined);
    socket.resetAndDestroy();
  });
  const socket = await through(server);
  const [error] = await once(socket, "error") as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNRESET");
});

test("a client that resets ends the connection behind it", async () => {
  let seen: (code: string | undefined) => void = () => undefined;
  const reset = new Promise<string | undefined>((resolve) => { seen = resolve; });
  const server = await listen((socket) => {
    socket.on("error", (error: NodeJS.ErrnoException) => seen(error.code));
    socket.on("close", () => seen("closed"));
    socket.write("hello");
  });
  const socket = await through(server);
  await once(socket, "data");
  socket.resetAndDestroy();
  expect(await reset).toBe("ECONNRESET");
});

test("with nobody behind it the connection is reset", async () => {
  const server = await listen(() => undefined);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const door = await freePort();
  open.push(await forward(door, port));
  const socket = connect({ port: door, host: "127.0.0.1" });
  const [error] = await once(socket, "error") as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNRESET");
});

test("a port that is taken rejects", async () => {
  const server = await listen(() => undefined);
  const { port } = server.address() as AddressInfo;
  await expect(forward(port, port)).rejects.toThrow("EADDRINUSE");
});

test("closing ends what is open", async () => {
  const server = await listen((socket) => { socket.on("error", () => undefined); });
  const socket = await through(server);
  const closed = once(socket, "close");
  socket.resume();
  socket.on("error", () => undefined);
  await open.pop()?.close();
  socket.end();
  await closed;
});
