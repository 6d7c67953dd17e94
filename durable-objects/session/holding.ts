// Numbered messages that came before their turn. Each waits for the numbers before its own: HELD_MS at most, and no more
// than HELD_FRAMES of a device at once; then it goes in with a gap. In memory: nothing of it is acknowledged.
import { HELD_FRAMES, HELD_MS } from "../../protocol/limits.ts";
import type { AppendItem, MsgItem } from "../../protocol/rpc.ts";

export interface Held<W extends { item: AppendItem }> {
  waiting: W;
  number: number;
  /** ms */
  until: number;
}

/** The held messages of one conversation, in the order of their numbers. */
export class Holding<W extends { item: AppendItem }> {
  private readonly devices = new Map<string | null, Held<W>[]>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly due: (waiting: W[]) => void;

  /** @param due those that have waited long enough, to be sent once more by force */
  constructor(due: (waiting: W[]) => void) {
    this.due = due;
  }

  get empty(): boolean {
    return this.devices.size === 0;
  }

  /** @returns those for which there is no more room, to be sent once more by force */
  hold(waiting: W, item: MsgItem, now: number): W[] {
    const number = item.client_sequence_number ?? 0;
    const list = [...(this.devices.get(item.device_id) ?? []), { waiting, number, until: now + HELD_MS }].toSorted((a, b) => a.number - b.number);
    this.devices.set(item.device_id, list);
    const over = list.length > HELD_FRAMES ? this.take(item.device_id, () => true) : [];
    this.arm(now);
    return over.map(forced);
  }

  /** A message with this number is in: what comes right behind it may go. */
  committed(deviceId: string | null, number: number, now: number): W[] {
    let next = number + 1;
    const released = this.take(deviceId, (held) => {
      const turn = held.number <= next;
      if (held.number === next) next += 1;
      return turn;
    });
    this.arm(now);
    return released;
  }

  /** Everything, where nothing can be sent. */
  abandon(): W[] {
    const all = [...this.devices.keys()].flatMap((deviceId) => this.take(deviceId, () => true));
    this.arm(0);
    return all;
  }

  private take(deviceId: string | null, wanted: (held: Held<W>) => boolean): W[] {
    const list = this.devices.get(deviceId) ?? [];
    const taken = list.filter(wanted);
    const rest = list.filter((held) => !taken.includes(held));
    if (rest.length === 0) this.devices.delete(deviceId);
    else this.devices.set(deviceId, rest);
    return taken.map((held) => held.waiting);
  }

  private arm(now: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const until = Math.min(...[...this.devices.values()].flat().map((held) => held.until));
    if (until !== Number.POSITIVE_INFINITY) this.timer = setTimeout(() => this.fire(), Math.max(0, until - now));
  }

  private fire(): void {
    const now = Date.now();
    const due = [...this.devices].flatMap(([deviceId, list]) => {
      const last = Math.max(...list.filter((held) => held.until <= now).map((held) => held.number));
      // What has a lower number goes before it, however short it has waited.
      return this.take(deviceId, (held) => held.number <= last);
    });
    this.arm(now);
    if (due.length > 0) this.due(due.map(forced));
  }
}

function forced<W extends { item: AppendItem }>(waiting: W): W {
  return { ...waiting, item: { ...waiting.item, force: true } };
}
