// A chat server as a sane author would write it on socket.io: messages are in SQLite, on disk before they are acknowledged, with one
// commit for all that came in while the last one was written. Started by the bench only.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { type Draft, Store, type Stored } from "./store.ts";

type Acks = (acks: Pick<Stored, "client_msg_id" | "conversation_id" | "seq">[]) => void;

interface Batch {
  sender: string;
  drafts: Draft[];
  acknowledge: Acks;
}

const [, , file = ""] = process.argv;
const store = new Store(file);
const http = createServer((request, response) => {
  response.writeHead(request.url === "/stats" ? 200 : 404, { "Content-Type": "application/json" });
  response.end(request.url === "/stats" ? JSON.stringify({ rows_written: store.rows, stored: store.count() }) : "{}");
});
const io = new Server(http, { transports: ["websocket"], serveClient: false });
let waiting: Batch[] = [];

function roomOf(user: string): string {
  return `user:${user}`;
}

/** All that waits, in one transaction; then the acknowledgements, then the messages. */
function commit(): void {
  const batches = waiting;
  waiting = [];
  const stored = store.commit(batches.flatMap(({ sender, drafts }) => drafts.map((draft) => ({ sender, draft }))));
  let at = 0;
  for (const { drafts, acknowledge } of batches) {
    acknowledge(stored.slice(at, at + drafts.length).map(({ message: { client_msg_id, conversation_id, seq } }) => ({ client_msg_id, conversation_id, seq })));
    at += drafts.length;
  }
  const fresh = stored.filter((entry) => entry.fresh).map(({ message }) => message);
  for (const [conversation, messages] of Map.groupBy(fresh, ({ conversation_id }) => conversation_id)) deliver(conversation, messages);
}

/** Whoever sent some of them gets the others only. */
function deliver(conversation: string, messages: Stored[]): void {
  const senders = [...new Set(messages.map(({ sender }) => sender))];
  const members = store.isGroup(conversation) ? conversation : store.members(conversation).map(roomOf);
  io.to(members).except(senders.map(roomOf)).emit("messages", messages);
  for (const sender of senders) {
    const others = messages.filter((message) => message.sender !== sender);
    if (others.length > 0) io.to(roomOf(sender)).emit("messages", others);
  }
}

io.use((socket, next) => {
  const { token } = socket.handshake.auth as { token?: unknown };
  if (typeof token === "string") socket.data = { user: token };
  next(typeof token === "string" ? undefined : new Error("unauthorized"));
});

io.on("connection", (socket: Socket) => {
  const { user } = socket.data as { user: string };
  void socket.join([roomOf(user), ...store.groupsOf(user)]);
  socket.on("send", (drafts: Draft[], acknowledge: Acks) => {
    waiting.push({ sender: user, drafts, acknowledge });
    if (waiting.length === 1) setImmediate(commit);
  });
  socket.on("create", (others: string[], answer: (id: string) => void) => {
    const id = store.createGroup([user, ...others]);
    io.in([user, ...others].map(roomOf)).socketsJoin(id);
    answer(id);
  });
  socket.on("since", ({ conversation_id, seq }: { conversation_id: string; seq: number }, answer: (messages: Stored[]) => void) => {
    answer(store.members(conversation_id).includes(user) ? store.since(conversation_id, seq) : []);
  });
});

http.listen(0, "127.0.0.1", () => process.send?.({ port: (http.address() as AddressInfo).port }));
process.once("disconnect", () => process.exit(0));
process.on("SIGINT", () => undefined);
