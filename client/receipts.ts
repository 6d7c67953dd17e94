// Tells the server what arrived here and what was read, as watermarks: the newest word of each conversation, several
// conversations in one text message, at most so often. Nothing answers a receipt, so what may have been lost is said again.
import type { Environment } from "./environment.ts";

export interface ReceiptTimes {
  /** Between two text messages of receipts, ms. */
  receipts_ms: number;
}

export const RECEIPT_TIMES: ReceiptTimes = { receipts_ms: 200 };

/** Conversations in one text message. */
const BATCH = 50;
/** What was written this short a time before a connection ended may not have arrived, ms. */
const UNSURE_MS = 15_000;
/** An event that comes again sooner than the server looks for its receipt, ms, is no sign that the receipt was lost. */
const AGAIN_MS = 2_000;

interface Mark {
  delivered: number;
  read: number;
  /** As written on this connection. */
  told_delivered: number;
  told_read: number;
  told_at: number;
  /** As the server named it. */
  stored_read: number;
}

export class Receipts {
  readonly #environment: Environment;
  readonly #times: ReceiptTimes;
  /** False where nothing can be written now. */
  readonly #write: (frames: readonly object[]) => boolean;
  readonly #marks = new Map<string, Mark>();
  #dirty = new Set<string>();
  #scheduled = false;
  #told_at = 0;
  #cancel: () => void = () => undefined;

  constructor(environment: Environment, times: ReceiptTimes, write: (frames: readonly object[]) => boolean) {
    this.#environment = environment;
    this.#times = times;
    this.#write = write;
  }

  /** Everything up to `seq` is here. */
  delivered(conversation_id: string, seq: number): void {
    const mark = this.#mark(conversation_id);
    if (seq <= mark.delivered) return;
    mark.delivered = seq;
    this.#due(conversation_id);
  }

  /** A person has seen everything up to `seq`. */
  read(conversation_id: string, seq: number): void {
    const mark = this.#mark(conversation_id);
    if (seq <= Math.max(mark.read, mark.stored_read)) return;
    mark.read = seq;
    this.#due(conversation_id);
  }

  /** The server sends what is here a second time: it may not have heard that it is, nor what was read of it. */
  again(conversation_id: string): void {
    const mark = this.#marks.get(conversation_id);
    // What was told a moment ago is on its way.
    if (mark === undefined || this.#environment.now() - mark.told_at < AGAIN_MS) return;
    Object.assign(mark, { told_delivered: 0, told_read: mark.stored_read });
    if (isDue(mark)) this.#due(conversation_id);
  }

  /** What `delivered` was told last; 0 for nothing. */
  deliveredSeq(conversation_id: string): number {
    return this.#marks.get(conversation_id)?.delivered ?? 0;
  }

  /** The server has this much as read. */
  stored(conversation_id: string, read_seq: number): void {
    const mark = this.#mark(conversation_id);
    mark.stored_read = Math.max(mark.stored_read, read_seq);
  }

  connected(): void {
    this.#cancel();
    this.#scheduled = false;
    for (const [conversation_id, mark] of this.#marks) if (isDue(mark)) this.#dirty.add(conversation_id);
    this.#schedule();
  }

  disconnected(): void {
    this.#cancel();
    this.#scheduled = false;
    const unsure = this.#environment.now() - UNSURE_MS;
    for (const mark of this.#marks.values()) {
      if (mark.told_at >= unsure) mark.told_delivered = 0;
      mark.told_read = mark.stored_read;
    }
  }

  /** The conversation was restored, or is this user's no more: what was said of it counts no longer. */
  forget(conversation_id: string): void {
    this.#marks.delete(conversation_id);
    this.#dirty.delete(conversation_id);
  }

  stop(): void {
    this.#cancel();
    this.#dirty.clear();
  }

  #mark(conversation_id: string): Mark {
    const known = this.#marks.get(conversation_id) ?? { delivered: 0, read: 0, told_delivered: 0, told_read: 0, told_at: 0, stored_read: 0 };
    this.#marks.set(conversation_id, known);
    return known;
  }

  #due(conversation_id: string): void {
    this.#dirty.add(conversation_id);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#dirty.size === 0) return;
    this.#scheduled = true;
    // A clock that is set back holds up nothing.
    const since = Math.max(0, this.#environment.now() - this.#told_at);
    this.#cancel = this.#environment.later(Math.max(0, this.#times.receipts_ms - since), () => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const now = this.#environment.now();
    const ids = [...this.#dirty].slice(0, BATCH);
    const frames = ids.flatMap((conversation_id) => framesOf(conversation_id, this.#mark(conversation_id)));
    // Without a connection all of it stays due until there is one.
    if (frames.length > 0 && !this.#write(frames)) return;
    for (const conversation_id of ids) {
      const mark = this.#mark(conversation_id);
      Object.assign(mark, { told_delivered: mark.delivered, told_read: mark.read, told_at: now });
      this.#dirty.delete(conversation_id);
    }
    this.#told_at = now;
    this.#schedule();
  }
}

function isDue({ delivered, told_delivered, read, told_read, stored_read }: Mark): boolean {
  return delivered > Math.max(told_delivered, told_read) || (read > told_read && read > stored_read);
}

/** READ implies DELIVERED. */
function framesOf(conversation_id: string, mark: Mark): object[] {
  const { delivered, read, told_delivered, told_read, stored_read } = mark;
  const tellsRead = read > told_read && read > stored_read;
  const frame = (up_to_seq: number, status: string) => ({ type: "receipt", conversation_id, up_to_seq, status });
  return [
    ...(delivered > Math.max(told_delivered, told_read) && !(tellsRead && read >= delivered) ? [frame(delivered, "DELIVERED")] : []),
    ...(tellsRead ? [frame(read, "READ")] : []),
  ];
}
