// Receipts of the user's devices, one lane per conversation: while one call is under way, what comes in is merged, and
// rides in the next. And the other way: what became of this user's own messages.
import { errorFields, log } from "../../log/log.ts";
import { errorFrame } from "../../protocol/codec-json.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { ReceiptFrame } from "../../protocol/frames/receipt.ts";
import type { ReceiptMarks, ReceiptsCall, Result } from "../../protocol/rpc.ts";
import { again } from "./again.ts";
import type { SessionCore } from "./core.ts";
import type { Device } from "./device.ts";
import type { Handlers } from "./frames.ts";

/** Conversations whose watermarks are remembered. */
const KNOWN = 1_000;
/** Receipts of one conversation that wait, of which it can't be told here whether they are right. */
const DOUBTFUL = 64;

interface Waiting {
  seq: number;
  read: boolean;
  device: Device;
}

interface Lane {
  /** Surely right: only the highest counts. */
  sure: { delivered: number; read: number; devices: Map<string, Device> };
  /** Each is asked for by itself, so that a wrong one takes no right one with it. */
  doubtful: Waiting[];
}

export interface ReceiptsPorts {
  /** A conversation was read this far, on these of the user's devices. */
  read(conversationId: string, marks: Pick<ReceiptMarks, "read_seq" | "read_msg_no" | "settles">, readers: ReadonlySet<string>): void;
}

export class Receipts {
  private readonly core: SessionCore;
  private readonly ports: ReceiptsPorts;
  private readonly lanes = new Map<string, Lane>();
  /** What the conversations answered last, the newest at the end. */
  private readonly known = new Map<string, ReceiptMarks>();

  constructor(core: SessionCore, ports: ReceiptsPorts) {
    this.core = core;
    this.ports = ports;
  }

  readonly handlers: Handlers = {
    receipt: (device, frame, fill) => {
      device.acknowledged?.(frame.conversation_id, frame.up_to_seq);
      fill(this.add(device, frame));
    },
  };

  /** The conversation's rows change: what is known of it may be of another stay. */
  forget(conversationId: string): void {
    this.known.delete(conversationId);
  }

  /** null unless it is refused at once. */
  private add(device: Device, frame: ReceiptFrame): ReturnType<typeof errorFrame> | null {
    const { conversation_id, up_to_seq: seq } = frame;
    const read = frame.status === "READ";
    const known = this.known.get(conversation_id);
    if (known !== undefined && seq >= known.from_seq && seq <= (read ? known.read_seq : known.delivered_seq)) return null;
    const named = { conversation_id };
    if (known === undefined && !this.core.heads.has(conversation_id) && this.core.store.readInbox(conversation_id) === null) {
      // Asking wakes an object: a stranger's costs as much as a request.
      const admission = this.core.charge(1);
      if (!admission.ok) return errorFrame("rate_limited", { retry_after_ms: admission.retry_after_ms }, named);
    }
    const lane = this.lanes.get(conversation_id) ?? this.open(conversation_id);
    if (known !== undefined && seq >= known.from_seq && seq <= this.core.heads.headOf(conversation_id)) {
      if (read) lane.sure.read = Math.max(lane.sure.read, seq);
      else lane.sure.delivered = Math.max(lane.sure.delivered, seq);
      lane.sure.devices.set(device.device_id, device);
    } else if (!lane.doubtful.some((waiting) => waiting.seq === seq && waiting.read === read && waiting.device.device_id === device.device_id)) {
      if (lane.doubtful.length >= DOUBTFUL) return errorFrame("rate_limited", { retry_after_ms: 1_000 }, named);
      lane.doubtful.push({ seq, read, device });
    }
    return null;
  }

  private open(conversationId: string): Lane {
    const lane = { sure: { delivered: 0, read: 0, devices: new Map<string, Device>() }, doubtful: [] };
    this.lanes.set(conversationId, lane);
    // After this turn, so that all receipts of one array go in together.
    queueMicrotask(() => void this.run(conversationId, lane));
    return lane;
  }

  private async run(conversationId: string, lane: Lane): Promise<void> {
    for (;;) {
      const next = lane.doubtful.shift();
      const { sure } = lane;
      if (next !== undefined) {
        await this.bring(conversationId, next.read ? { read_seq: next.seq } : { delivered_seq: next.seq }, [next.device]);
      } else if (sure.devices.size > 0) {
        lane.sure = { delivered: 0, read: 0, devices: new Map() };
        await this.bring(conversationId, {
          ...(sure.delivered > 0 ? { delivered_seq: sure.delivered } : {}), ...(sure.read > 0 ? { read_seq: sure.read } : {}),
        }, [...sure.devices.values()]);
      } else break;
    }
    this.lanes.delete(conversationId);
  }

  private async bring(conversationId: string, given: Omit<ReceiptsCall, "user_id">, devices: readonly Device[]): Promise<void> {
    const reply = await this.ask(conversationId, { user_id: this.core.userId, ...given });
    if (reply.ok) {
      this.stored(conversationId, reply.marks, given.read_seq === undefined ? [] : devices);
      return;
    }
    this.forget(conversationId);
    const { code, retry_after_ms } = reply;
    for (const device of devices) device.send([errorFrame(code, retry_after_ms === undefined ? {} : { retry_after_ms }, { conversation_id: conversationId })]);
  }

  private async ask(conversationId: string, call: ReceiptsCall): Promise<Result<{ marks: ReceiptMarks }> | { ok: false; code: ErrorCode; retry_after_ms?: number }> {
    let lost = false;
    try {
      // Watermarks only grow: a call whose answer is lost is made again.
      return await again(() => {
        const made = this.core.through(conversationId, (stub) => stub.receipts(lost ? { ...call, again: true } : call));
        lost = true;
        return made;
      });
    } catch (error) {
      log("warn", "receipt_failed", { user_id: this.core.userId, conversation_id: conversationId, ...errorFields(error) });
      return { ok: false, code: "unavailable", retry_after_ms: 1_000 };
    }
  }

  /** @param readers the devices that have said that they read this far */
  private stored(conversationId: string, marks: ReceiptMarks, readers: readonly Device[]): void {
    this.remember(conversationId, marks);
    if (readers.length === 0) return this.learned(conversationId, marks);
    const reading = new Set(readers.map((device) => device.device_id));
    if (this.core.heads.read(conversationId, marks) && !this.core.devices.only(reading)) {
      this.core.devices.send([{
        type: "status", conversation_id: conversationId, user_id: this.core.userId, up_to_seq: marks.read_seq, status: "READ", at: marks.read_at,
      }], reading);
    }
    this.ports.read(conversationId, marks, reading);
  }

  /** What was read may not be in the inbox: the session that was to store it died. A settle that is to come brings it by itself. */
  learned(conversationId: string, marks: Pick<ReceiptMarks, "read_seq" | "read_msg_no" | "settles">): void {
    if (!marks.settles && this.core.heads.read(conversationId, marks)) this.ports.read(conversationId, marks, new Set());
  }

  private remember(conversationId: string, marks: ReceiptMarks): void {
    this.known.delete(conversationId);
    this.known.set(conversationId, marks);
    const oldest = this.known.keys().next().value;
    if (this.known.size > KNOWN && oldest !== undefined) this.known.delete(oldest);
  }
}
