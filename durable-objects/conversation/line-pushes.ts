// Pushes over lines (lines.ts): what of a round goes over a live session's line, and which sessions get one.
import { planOwed } from "../../domain/delivery.ts";
import { type Stay, visibleRange } from "../../domain/membership.ts";
import { encodeAbout, LINE_BYTES } from "../../protocol/line.ts";
import type { DeliverReply } from "../../protocol/rpc.ts";
import type { Settled } from "../../protocol/rpc/inbox.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Gate } from "../platform/gate.ts";
import type { Batch, Batches } from "./batches.ts";
import { LineFrames } from "./line-frames.ts";
import { connectWithin, Lines, type LinesPorts } from "./lines.ts";
import type { LiveMember, LiveSessions } from "./live.ts";
import type { Modes } from "./modes.ts";
import type { ConversationState } from "./state.ts";

/** With fewer there is one session to push to, whose line costs more than its calls. */
const LINE_MEMBERS = 3;

export interface LinePushesParts {
  state: ConversationState;
  batches: Batches;
  gate: Gate;
  live: LiveSessions;
  modes: Modes;
}

export interface LinePushesPorts extends Pick<LinesPorts, "connect" | "every" | "failed" | "answered"> {
  settings(): Settings;
  now(): number;
  about(head: number): Omit<Settled, "sent" | "left">;
  pushed(stay: Stay, batch: Batch): void;
  /** Somebody is behind who takes pushes. */
  pump(): void;
}

export class LinePushes {
  readonly lines: Lines;
  private readonly frames = new LineFrames();
  private told = { of: "", text: "" };
  private readonly parts: LinePushesParts;
  private readonly ports: LinePushesPorts;

  constructor(parts: LinePushesParts, ports: LinePushesPorts) {
    this.parts = parts;
    this.ports = ports;
    this.lines = new Lines(parts.state.record.conversation_id, {
      connect: (request, ends) => connectWithin(parts.gate, () => ports.connect(request, ends)), every: (ms, run) => ports.every(ms, run),
      settings: () => ports.settings(), now: () => ports.now(),
      answered: (userId, answer, seq) => this.answered(userId, answer, seq),
      lost: (userId, gen, from) => {
        parts.live.rewind(userId, gen, from);
        ports.pump();
      },
      freed: () => ports.pump(), failed: (userId, error) => ports.failed(userId, error),
    });
  }

  /** @param most events of one push. `full`: it waits there for answers; `call`: it has no line that could take this. */
  write(stay: Stay, member: LiveMember, to: number, most: number): "written" | "full" | "call" {
    const { batches, modes, state } = this.parts;
    const line = this.lines.of(stay.user_id, member.gen);
    if (line === null) return "call";
    if (!this.lines.hasRoom(line)) return "full";
    const from = member.sent_seq + 1;
    const owed = planOwed(stay, from, to, most);
    if (owed === null) return "call";
    const batch = batches.forRecipient(stay.user_id, modes.showsBodies(stay.user_id) ? owed.events : null, visibleRange(stay, state.record.history).from);
    const message = this.frames.of(batch, this.ports.about(owed.head), member.wants === "pb");
    if (message.length > LINE_BYTES) return "call";
    // Before it is written: a line that breaks in it takes this back.
    member.sent_seq = owed.head;
    this.lines.push(line, this.about(), message, { from, to: owed.head });
    this.ports.pushed(stay, batch);
    return "written";
  }

  /** A round has called these: where the conversation is busy enough, whoever takes one gets a line. */
  called(members: readonly (readonly [string, LiveMember])[]): void {
    if (members.length === 0 || this.parts.state.members.size < LINE_MEMBERS || !this.lines.busy()) return;
    for (const [userId, { gen, lines }] of members) if (lines) void this.lines.open(userId, gen);
  }

  private answered(userId: string, answer: DeliverReply & { taken: number }, seq: number): void {
    const { live, state } = this.parts;
    if (!state.members.has(userId)) return;
    this.ports.answered(userId, answer, seq);
    if (live.get(userId)?.gen === answer.gen) live.answered(userId, answer, seq);
  }

  /** What a session is told of the conversation, and again when that has changed. */
  private about(): string {
    const { record, head } = this.parts.state;
    const { mode, title } = record;
    const of = `${mode} ${title ?? ""}`;
    if (this.told.of === of) return this.told.text;
    const { conversation_id, kind, pair, epoch, handle, restored } = this.ports.about(head.seq);
    this.told = { of, text: encodeAbout({ conversation_id, kind, title, pair, epoch, mode, ...(handle === undefined ? {} : { handle }), ...(restored === undefined ? {} : { restored }) }) };
    return this.told.text;
  }
}
