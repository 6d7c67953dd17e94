// A server that speaks just enough of the protocol to be wrong in one way: what it should have told is set by the test.
import { createServer } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { Deployment } from "../../verify/deployment.ts";
import { listen } from "../loopback.ts";

export const ROOM_ID = `d.${"0".repeat(64)}`;

export interface Behaviour {
  acks: boolean;
  /** Where the room ends, for a resume and in the list; null: there is no such room. */
  head: number | null;
  /** How many events history has; null: it is not available. */
  history: number | null;
  /** What POST /v1/messages is refused with. */
  sending?: string;
}

export interface FakeDeployment extends Deployment {
  close(): Promise<void>;
}

export function eventAt(seq: number): object {
  return { type: "msg", conversation_id: ROOM_ID, epoch: 1, seq, msg_id: `id-${seq}`, sender_id: "ann", sent_at: seq, client_msg_id: `m${seq}`, msg_no: seq, content: "hi", content_type: "text" };
}

export async function fakeDeployment(behaviour: Behaviour): Promise<FakeDeployment> {
  const server = createServer((request, response) => {
    const [status, body] = answer(behaviour, request.url ?? "");
    response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(JSON.stringify(body));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => greet(socket, behaviour));
  const { url, close } = await listen(server);
  return {
    url: () => url,
    token: () => Promise.resolve("token"),
    faults: null,
    logs: null,
    close: () => {
      for (const socket of sockets.clients) socket.terminate();
      return close();
    },
  };
}

function greet(socket: WebSocket, { acks, head }: Behaviour): void {
  let seq = 0;
  socket.send(JSON.stringify({ type: "hello", user_seq: 0 }));
  socket.on("message", (text: Buffer) => {
    const parsed = JSON.parse(text.toString("utf8")) as object | object[];
    for (const frame of [parsed].flat() as { type: string; client_msg_id?: string }[]) {
      if (frame.type === "resume" && head !== null) {
        socket.send(JSON.stringify({ type: "sync_required", conversations: [{ conversation_id: ROOM_ID, epoch: 1, head_seq: head }] }));
      }
      if (frame.type !== "msg" || !acks) continue;
      seq += 1;
      socket.send(JSON.stringify({ type: "ack", client_msg_id: frame.client_msg_id, msg_id: `id-${seq}`, conversation_id: ROOM_ID, epoch: 1, seq, status: "SENT", sent_at: seq }));
    }
  });
}

function answer({ head, history, sending }: Behaviour, path: string): [number, unknown] {
  if (path === "/v1/messages" && sending !== undefined) return [503, { error: { code: sending, retryable: true, retry_after_ms: 10_000 } }];
  if (path.startsWith("/v1/conversations")) {
    return [200, { conversations: head === null ? [] : [{ conversation_id: ROOM_ID, head_seq: head }], next_cursor: null }];
  }
  if (history === null) return [503, { error: { code: "archive_unavailable", retryable: true } }];
  return [200, { events: Array.from({ length: history }, (_, i) => eventAt(i + 1)), next_cursor: null }];
}
