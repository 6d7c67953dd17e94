// The lines of this conversation while it is busy: a WebSocket to each live session, over which deliveries go without an answer
// each. In memory only. What a session has not answered for when its line ends is sent again by call: nothing hangs on a line.
import { ASK, decodeAnswer, LINE_BYTES, LINE_MESSAGES, type LineAnswer, type LineRequest } from "../../protocol/line.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Gate } from "../platform/gate.ts";
import { count } from "../platform/metrics.ts";

/** Not answered over all lines: what waits in them lies in the memory of one process. */
export const ALL_BYTES = 16 * 1024 * 1024;
/** A line that carried nothing this long is closed, so that both ends may sleep. */
const IDLE_MS = 5_000;
/** After one that failed its session is called, at least this long. */
const AGAIN_MS = 10_000;
export const TICK_MS = 1_000;

export interface LineSocket {
  send(message: string | Uint8Array): void;
  close(): void;
}

export interface LinesPorts {
  /** null: the session takes none now. `gone` is called at most once, and not after `close`. */
  connect(request: LineRequest, ends: { heard(text: string): void; gone(): void }): Promise<LineSocket | null>;
  settings(): Pick<Settings, "lines_after" | "settle_after_ms" | "deliver_timeout_ms">;
  now(): number;
  /** Calls again and again until what it gives is called. */
  every(ms: number, run: () => void): () => void;
  /** @param seq everything up to here was taken */
  answered(userId: string, answer: LineAnswer, seq: number): void;
  /** What was sent from this seq on may not have come. */
  lost(userId: string, gen: number, from: number): void;
  /** A line that was full takes messages again. */
  freed(): void;
  failed(userId: string, error: unknown): void;
}

interface Sent {
  from: number;
  to: number;
  bytes: number;
}

export interface Line {
  readonly userId: string;
  readonly gen: number;
  readonly socket: LineSocket;
  /** What its session was told of the conversation. */
  about: string;
  /** Not answered for, oldest first. */
  sent: Sent[];
  bytes: number;
  /** Deliveries answered for, and up to which seq. */
  taken: number;
  takenSeq: number;
  usedAt: number;
  askedAt: number | null;
  waiting: (() => void)[];
}

export class Lines {
  private readonly conversationId: string;
  private readonly ports: LinesPorts;
  private readonly lines = new Map<string, Line>();
  /** Being opened, and when one failed, ms. */
  private readonly opening = new Set<string>();
  private readonly failedAt = new Map<string, number>();
  private bytes = 0;
  private pushes = { since: 0, rounds: 0 };
  private untick: (() => void) | null = null;
  private over = false;

  constructor(conversationId: string, ports: LinesPorts) {
    this.conversationId = conversationId;
    this.ports = ports;
  }

  get size(): number {
    return this.lines.size;
  }

  /** A round of pushes by call. True: the conversation is busy enough for lines. */
  busy(): boolean {
    const { lines_after, settle_after_ms } = this.ports.settings();
    const now = this.ports.now();
    if (Math.abs(now - this.pushes.since) > settle_after_ms) this.pushes = { since: now, rounds: 0 };
    this.pushes.rounds += 1;
    return lines_after > 0 && this.pushes.rounds >= lines_after;
  }

  /** A line to this life of a session's sockets; null: there is none, and it is called. */
  of(userId: string, gen: number): Line | null {
    const line = this.lines.get(userId);
    if (line === undefined) return null;
    if (line.gen !== gen) {
      this.close(userId);
      return null;
    }
    // Who has answered for everything does not wait for those who fill the memory.
    return line.sent.length === 0 && this.bytes >= ALL_BYTES ? null : line;
  }

  hasRoom(line: Line): boolean {
    return line.sent.length === 0 || (line.sent.length < LINE_MESSAGES && line.bytes < LINE_BYTES && this.bytes < ALL_BYTES);
  }

  async open(userId: string, gen: number): Promise<void> {
    const now = this.ports.now();
    if (this.over || this.lines.has(userId) || this.opening.has(userId) || Math.abs(now - (this.failedAt.get(userId) ?? Number.NEGATIVE_INFINITY)) < AGAIN_MS) return;
    this.opening.add(userId);
    let line: Line | null = null;
    let gone = false;
    const ends = {
      heard: (text: string) => line !== null && this.heard(line, text),
      gone: () => {
        gone = true;
        if (line !== null) this.lose(line);
      },
    };
    try {
      const socket = await this.ports.connect({ conversation_id: this.conversationId, user_id: userId, gen }, ends);
      if (socket === null || gone || this.over || !this.opening.has(userId)) {
        socket?.close();
        this.failedAt.set(userId, this.ports.now());
        return;
      }
      line = { userId, gen, socket, about: "", sent: [], bytes: 0, taken: 0, takenSeq: 0, usedAt: this.ports.now(), askedAt: null, waiting: [] };
      this.lines.set(userId, line);
      this.untick ??= this.ports.every(TICK_MS, () => this.tick());
      count("lines_opened");
    } catch (error) {
      this.failedAt.set(userId, this.ports.now());
      this.ports.failed(userId, error);
    } finally {
      this.opening.delete(userId);
    }
  }

  /** @param about sent first where the session was told something else */
  push(line: Line, about: string, message: string | Uint8Array, run: { from: number; to: number }): void {
    line.usedAt = this.ports.now();
    line.sent.push({ ...run, bytes: message.length });
    line.bytes += message.length;
    this.bytes += message.length;
    try {
      if (line.about !== about) line.socket.send(about);
      line.about = about;
      line.socket.send(message);
    } catch {
      this.lose(line);
    }
  }

  /** Resolves once the session has answered for all that went over its line, or the line is over. What comes after does not overtake. */
  async drained(userId: string): Promise<void> {
    const line = this.lines.get(userId);
    if (line === undefined || line.sent.length === 0) return;
    await new Promise<void>((resolve) => {
      line.waiting.push(resolve);
      this.ask(line);
    });
  }

  /** In the turn of the call. What it carried and nobody answered for counts as lost. */
  close(userId: string): void {
    this.opening.delete(userId);
    const line = this.lines.get(userId);
    if (line !== undefined) this.lose(line);
  }

  /** Who is no member any more has no line from here on. */
  retain(isMember: (userId: string) => boolean): void {
    for (const userId of [...this.lines.keys(), ...this.opening]) if (!isMember(userId)) this.close(userId);
  }

  /** The conversation is none any more, or begins another life. */
  end(): void {
    this.over = true;
    for (const userId of this.lines.keys()) this.close(userId);
  }

  private ask(line: Line): void {
    line.askedAt ??= this.ports.now();
    try {
      line.socket.send(ASK);
    } catch {
      this.lose(line);
    }
  }

  private heard(line: Line, text: string): void {
    if (this.lines.get(line.userId) !== line) return;
    try {
      const answer = decodeAnswer(text);
      const full = !this.hasRoom(line);
      for (; line.taken < answer.taken && line.sent.length > 0; line.taken += 1) {
        const { to, bytes } = line.sent.shift() as Sent;
        line.takenSeq = to;
        line.bytes -= bytes;
        this.bytes -= bytes;
      }
      if (line.sent.length === 0) this.release(line);
      if (answer.gen === line.gen) this.ports.answered(line.userId, answer, line.takenSeq);
      if (!answer.live || answer.gen !== line.gen) this.lose(line);
      else if (full) this.ports.freed();
    } catch (error) {
      this.ports.failed(line.userId, error);
      this.lose(line);
    }
  }

  private release(line: Line): void {
    line.askedAt = null;
    for (const resolve of line.waiting.splice(0)) resolve();
  }

  private lose(line: Line): void {
    if (this.lines.get(line.userId) !== line) return;
    this.lines.delete(line.userId);
    this.bytes -= line.bytes;
    line.socket.close();
    const [first] = line.sent;
    if (first !== undefined) {
      count("lines_lost");
      this.failedAt.set(line.userId, this.ports.now());
      this.ports.lost(line.userId, line.gen, first.from);
    }
    this.release(line);
    if (this.lines.size > 0 || this.untick === null) return;
    this.untick();
    this.untick = null;
  }

  private tick(): void {
    const now = this.ports.now();
    for (const line of this.lines.values()) {
      const asked = line.askedAt !== null && Math.abs(now - line.askedAt) >= this.ports.settings().deliver_timeout_ms;
      const idle = Math.abs(now - line.usedAt) >= IDLE_MS;
      if (asked || (idle && line.sent.length === 0)) this.lose(line);
      // A full line has been answered for in part long ago, unless its session is stuck. What an idle one carried would come twice.
      else if (line.askedAt === null && (idle || !this.hasRoom(line))) this.ask(line);
    }
  }
}

/** One that comes after its time is closed: it belongs to nobody, and would keep both objects awake. */
export async function connectWithin(gate: Pick<Gate, "through">, connect: () => Promise<LineSocket | null>): Promise<LineSocket | null> {
  let late = false;
  try {
    return await gate.through(async () => {
      const socket = await connect();
      if (late) socket?.close();
      return socket;
    });
  } catch (error) {
    late = true;
    throw error;
  }
}
