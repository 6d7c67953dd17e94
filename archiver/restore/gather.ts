// What is not archived yet and continues the archive is brought into it, before an epoch begins behind it: segments that wait in the
// bucket, and what the object itself still has and no segment.
import type { RestoreState } from "../../protocol/restore-calls.ts";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import { contentText, encodeSegment, SEGMENT_FORMAT, type SegmentEvent } from "../../protocol/segment.ts";
import { storeSegments } from "../storing.ts";
import { sha256 } from "../audit/row-check.ts";
import { checkSegment, type CheckedSegment, WrongSegment } from "../checked-segment.ts";
import { nextWaiting, type Waiting } from "./plan.ts";
import { readEvents, readReach } from "./read.ts";
import type { RestoreOptions, RestoreTools } from "./restore.ts";

export interface GatherTask extends Pick<RestoreOptions, "upTo" | "acceptLoss"> {
  conversationId: string;
  /** That is about to begin. */
  epoch: number;
  waiting: readonly Waiting[];
  state: RestoreState;
  /** Both users of a direct conversation, as far as they are known. */
  pair: [string, string] | null;
}

/** Throws DamagedArchive. @returns where the archive ends now */
export async function gather(task: GatherTask, tools: RestoreTools): Promise<{ end: number; pair: [string, string] | null }> {
  return new Gathering(task, tools).run();
}

class Gathering {
  readonly #task: GatherTask;
  readonly #tools: RestoreTools;
  #pair: [string, string] | null;

  constructor(task: GatherTask, tools: RestoreTools) {
    this.#task = task;
    this.#tools = tools;
    this.#pair = task.pair;
  }

  async run(): Promise<{ end: number; pair: [string, string] | null }> {
    const end = await this.#unsealed(await this.#segments());
    return { end, pair: this.#pair };
  }

  #isEnough(end: number): boolean {
    return end >= (this.#task.upTo ?? Number.POSITIVE_INFINITY);
  }

  async #segments(): Promise<number> {
    const { epoch, waiting } = this.#task;
    let end = await this.#archived();
    while (!this.#isEnough(end)) {
      const next = nextWaiting(waiting, end, epoch);
      if (next === null) break;
      const object = await this.#tools.bucket.read(next.key);
      if (object === null) {
        // An archiver had it in hand when the epoch began.
        const since = await this.#archived();
        if (since <= end) break;
        end = since;
        continue;
      }
      const segment = await checked(next.key, object);
      if (segment === null) break;
      this.#pair ??= segment.head.pair ?? null;
      await storeSegments([segment], this.#tools);
      this.#tools.checkpoint();
      end = next.to_seq;
    }
    return end;
  }

  async #archived(): Promise<number> {
    const { conversationId } = this.#task;
    const { store } = this.#tools;
    return (await readReach({ store, conversationId, epochs: await store.epochs(conversationId) })).seq;
  }

  /** What no segment has: where it continues what is archived. */
  async #unsealed(from: number): Promise<number> {
    const { conversationId: conversation_id, state } = this.#task;
    let end = from;
    if ((state.state !== "needed" && state.state !== "healthy") || state.head_seq <= end || this.#isEnough(end)) return end;
    if (end > 0 && !(await this.#continues(end))) return end;
    while (end < state.head_seq && !this.#isEnough(end)) {
      const events = await this.#tools.edge.unsealed({ conversation_id, from: end + 1 });
      if (events.length === 0 || events[0]?.seq !== end + 1) break;
      await storeSegments([await this.#sealed(events)], this.#tools);
      this.#tools.checkpoint();
      end = (events.at(-1) as SegmentEvent).seq;
    }
    return end;
  }

  /** Does the object have the archive's last event? Else it went its own way since. */
  async #continues(end: number): Promise<boolean> {
    const { conversationId, acceptLoss } = this.#task;
    const { store, edge } = this.#tools;
    const [own] = await edge.links({ conversation_id: conversationId, from: end, to: end });
    for await (const { event } of readEvents({ store, conversationId, epochs: await store.epochs(conversationId) }, end, acceptLoss)) {
      if (event.seq === end) return own !== undefined && own.msg_id === event.msg_id && own.content_hash === event.content_hash;
    }
    return false;
  }

  /** As the conversation would have sealed them. */
  async #sealed(events: readonly SegmentEvent[]): Promise<CheckedSegment> {
    const { conversationId: conversation_id } = this.#task;
    const [first, last] = [events[0], events.at(-1)] as [SegmentEvent, SegmentEvent];
    const neighbour = first.seq === 1 ? null : await this.#tools.store.ledgerBefore(conversation_id, { epoch: first.epoch, from_seq: first.seq });
    const before = first.seq === 1 ? chainStart(conversation_id, sha256) : neighbour?.to_seq === first.seq - 1 ? neighbour.chain : undefined;
    return {
      head: {
        conversation_id, epoch: first.epoch, from_seq: first.seq, to_seq: last.seq, count: events.length, sha256: sha256(encodeSegment([...events])), format: SEGMENT_FORMAT,
        ...(before === undefined ? {} : { chain_before: before, chain: chainOver(before, events, sha256) }), ...(this.#pair === null ? {} : { pair: this.#pair }),
      },
      events: events.map((event) => ({ event, body: contentText(event) })),
    };
  }
}

async function checked(key: string, object: Parameters<typeof checkSegment>[1]): Promise<CheckedSegment | null> {
  try {
    return await checkSegment(key, object);
  } catch (error) {
    // It stays where it is, named as left behind.
    if (error instanceof WrongSegment) return null;
    throw error;
  }
}
