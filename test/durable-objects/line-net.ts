// Lines as the world's network carries them: in order, a turn late, and gone without a word wherever a test says so.
import type { LineSocket, LinesPorts } from "../../durable-objects/conversation/lines.ts";
import { decodeLine, type LineAbout, type LineRequest } from "../../protocol/line.ts";
import type { DeliverCall, DeliverReply } from "../../protocol/rpc.ts";

type Ends = Parameters<LinesPorts["connect"]>[1];

/** A session's end, as far as the world's lines need it. */
export interface LineEnd {
  readonly userId: string;
  readonly gen: number;
  connected: boolean;
  deliver(call: DeliverCall, now: number): DeliverReply;
}

export class NetLine implements LineSocket {
  readonly userId: string;
  readonly messages: (string | Uint8Array)[] = [];
  /** Nothing comes through, and nobody says so. */
  stuck = false;
  open = true;
  private taken = 0;
  private about: LineAbout | null = null;
  private readonly queue: (string | Uint8Array)[] = [];
  private readonly end: LineEnd;
  private readonly ends: Ends;
  private readonly arrived: (call: DeliverCall) => DeliverReply;
  private readonly soon: (run: () => void) => void;

  constructor(end: LineEnd, ends: Ends, net: { arrived(call: DeliverCall): DeliverReply; soon(run: () => void): void }) {
    this.userId = end.userId;
    this.end = end;
    this.ends = ends;
    this.arrived = (call) => net.arrived(call);
    this.soon = (run) => net.soon(run);
  }

  static fits(end: LineEnd, request: LineRequest, isMember: boolean): boolean {
    return isMember && end.connected && end.gen === request.gen && end.userId === request.user_id;
  }

  send(message: string | Uint8Array): void {
    if (!this.open) throw new Error("closed");
    this.messages.push(message);
    this.queue.push(message);
    this.soon(() => this.next());
  }

  close(): void {
    this.open = false;
  }

  /** What is on its way is lost, and the conversation hears that the line is over. */
  break(): void {
    if (!this.open) return;
    this.open = false;
    this.queue.length = 0;
    this.ends.gone();
  }

  /** What was stuck comes through. */
  flow(): void {
    this.stuck = false;
    for (const _ of this.queue) this.soon(() => this.next());
  }

  private next(): void {
    if (this.stuck) return;
    const message = this.queue.shift();
    if (message === undefined) return;
    const decoded = decodeLine(message);
    if (decoded.kind === "about") this.about = decoded.about;
    else if (decoded.kind === "ask") this.answer({ gen: this.end.gen, live: this.end.connected, lines: true });
    else {
      const reply = this.arrived({ ...(this.about as LineAbout), ...decoded.delivery, sent: null, settle: false, left: false });
      this.taken += 1;
      if (this.taken % 3 === 0) this.answer(reply);
    }
  }

  private answer(reply: DeliverReply): void {
    if (this.open) this.ends.heard(JSON.stringify({ ...reply, taken: this.taken }));
  }
}
