// The lines of busy conversations to this session (protocol/line.ts). In memory only: an open line keeps the object from
// hibernating, so the conversation closes it after some idle seconds, and this end once no device is there.
import * as v from "valibot";
import { errorFields, log } from "../../log/log.ts";
import { decodeLine, LINE_BYTES, LINE_HEADER, LINE_MESSAGES, type LineAbout, type LineAnswer, LineRequest } from "../../protocol/line.ts";
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";
import { count } from "../platform/metrics.ts";
import type { SessionCore } from "./core.ts";

/** Unasked, it answers this often, well before the conversation has to wait for it. */
const ANSWER_BYTES = LINE_BYTES / 4;
const ANSWER_MESSAGES = LINE_MESSAGES / 4;

interface Line {
  conversation_id: string;
  about: LineAbout | null;
  /** Deliveries that were taken, and what of them is not answered. */
  taken: number;
  unanswered: { messages: number; bytes: number };
}

export interface LinesPorts {
  take(call: DeliverCall): void;
  reply(conversationId: string): DeliverReply;
}

export class Lines {
  private readonly core: SessionCore;
  private readonly ports: LinesPorts;
  private readonly lines = new Map<WebSocket, Line>();

  constructor(core: SessionCore, ports: LinesPorts) {
    this.core = core;
    this.ports = ports;
    core.devices.onGone(() => {
      if (!core.devices.live) this.end();
    });
  }

  get size(): number {
    return this.lines.size;
  }

  /** null: the request is for something else. Refused where nobody is there, or the user is no member by their own inbox. */
  upgrade(request: Request): Response | null {
    const given = request.headers.get(LINE_HEADER);
    if (given === null) return null;
    const { conversation_id, user_id, gen } = v.parse(LineRequest, JSON.parse(given));
    const { core } = this;
    const inbox = core.isRegistered ? core.store.readInbox(conversation_id) : null;
    if (request.headers.get("Upgrade") !== "websocket" || user_id !== core.userId || gen !== core.gen || !core.devices.live || inbox === null || inbox.left_at !== null) {
      return new Response(null, { status: 409 });
    }
    const { 0: theirs, 1: ours } = new WebSocketPair();
    // Not by the hibernation API: each message would be an event of its own, which costs a quarter more.
    ours.accept();
    ours.binaryType = "arraybuffer";
    const line: Line = { conversation_id, about: null, taken: 0, unanswered: { messages: 0, bytes: 0 } };
    this.lines.set(ours, line);
    ours.addEventListener("message", ({ data }) => this.heard(ours, line, typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)));
    ours.addEventListener("close", () => this.close(ours, 1000));
    ours.addEventListener("error", () => this.close(ours, 1011));
    return new Response(null, { status: 101, webSocket: theirs });
  }

  private heard(ws: WebSocket, line: Line, message: string | Uint8Array): void {
    if (!this.lines.has(ws)) return;
    try {
      const decoded = decodeLine(message);
      if (decoded.kind === "about") line.about = decoded.about;
      else if (decoded.kind === "ask") this.answer(ws, line);
      else if (line.about !== null) {
        this.ports.take({ ...line.about, ...decoded.delivery, sent: null, settle: false, left: false });
        count("line_messages");
        line.taken += 1;
        line.unanswered.messages += 1;
        line.unanswered.bytes += message.length;
        if (line.unanswered.messages >= ANSWER_MESSAGES || line.unanswered.bytes >= ANSWER_BYTES) this.answer(ws, line);
      }
    } catch (error) {
      // What it has not answered for the conversation brings by another way.
      log("warn", "line_failed", { user_id: this.core.userId, conversation_id: line.conversation_id, ...errorFields(error) });
      this.close(ws, 1011);
    }
  }

  private answer(ws: WebSocket, line: Line): void {
    const answer: LineAnswer = { ...this.ports.reply(line.conversation_id), taken: line.taken };
    line.unanswered = { messages: 0, bytes: 0 };
    ws.send(JSON.stringify(answer));
  }

  /** Nobody is there any more: each line hears so, and is over. */
  private end(): void {
    for (const [ws, line] of this.lines) {
      try {
        this.answer(ws, line);
      } catch {
        // It is closed already, which says as much.
      }
      this.close(ws, 1000);
    }
  }

  private close(ws: WebSocket, code: number): void {
    if (!this.lines.delete(ws)) return;
    try {
      ws.close(code);
    } catch {
      // It is closed already, which is what was wanted.
    }
  }
}
