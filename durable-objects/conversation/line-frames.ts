// The messages of lines, made once for all who get the same.
import { encodeDelivery, type LineDelivery } from "../../protocol/line.ts";
import type { EncodedEvents } from "../../protocol/rpc.ts";
import type { Batch } from "./batches.ts";
import { withBinary } from "./encode.ts";

type Message = string | Uint8Array;
export type LineHead = Pick<LineDelivery, "head_seq" | "head_msg_no" | "head_at">;

interface Shared {
  head_seq: number;
  json?: Message;
  pb?: Message;
}

export class LineFrames {
  /** By the events that recipients share: forgotten with them. */
  private readonly shared = new WeakMap<EncodedEvents, Shared>();
  private told: Shared = { head_seq: 0 };

  /** @param pb does the session want its events in protobuf alone? */
  of(batch: Batch, head: LineHead, pb: boolean): Message {
    if (batch.own.length > 0) return encode(batch, head, pb);
    const known = this.sharedBy(batch, head.head_seq);
    const as = pb && batch.events !== null ? "pb" : "json";
    return (known[as] ??= encode(batch, head, as === "pb"));
  }

  private sharedBy({ events }: Batch, head_seq: number): Shared {
    const known = events === null ? this.told : this.shared.get(events);
    if (known?.head_seq === head_seq) return known;
    const fresh = { head_seq };
    if (events === null) this.told = fresh;
    else this.shared.set(events, fresh);
    return fresh;
  }
}

function encode({ events, own }: Batch, { head_seq, head_msg_no, head_at }: LineHead, pb: boolean): Message {
  const as = (given: EncodedEvents | null): EncodedEvents | null => (pb ? withBinary(given, true) : given);
  return encodeDelivery({ head_seq, head_msg_no, head_at, events: as(events), own: own.map((one) => ({ device_id: one.device_id, events: as(one.events) })) }, pb);
}
