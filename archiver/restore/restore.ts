// Rebuilds a conversation whose storage is lost from its archive, with a new epoch. In this order, and each step may come again after
// a crash: end the old epoch, so that nothing of it is archived behind our back; bring what waits and is not archived yet into
// the archive; note where the new epoch begins; give the object its events; finish; clear the bucket; note that it is done.
import { createHash } from "node:crypto";
import { directPairBytes, isDirect } from "../../protocol/ids.ts";
import { RESTORE_BYTES, RESTORE_EVENTS, type RestoreEvent, type RestoreState } from "../../protocol/restore-calls.ts";
import { contentText, encodeSegment, parseSegmentKey, SEGMENT_FORMAT, SEGMENT_PREFIX, type SegmentEvent } from "../../protocol/segment.ts";
import { chainOver, chainStart } from "../../protocol/chain.ts";
import { storeSegment } from "../archive.ts";
import { sha256 } from "../audit/row-check.ts";
import { checkSegment, type CheckedSegment, WrongSegment } from "../checked-segment.ts";
import type { Edge } from "../edge.ts";
import type { SegmentBucket } from "../s3.ts";
import type { ArchiveStore, EpochEntry } from "../stores/store.ts";
import { decideTarget, nextWaiting, type Waiting } from "./plan.ts";
import { archivedSeq, DamagedArchive, readEvents } from "./read.ts";

export interface RestoreTools {
  bucket: SegmentBucket;
  store: ArchiveStore;
  edge: Pick<Edge, "restore" | "unsealed" | "links">;
  retentionS: number;
  /** ms */
  now: () => number;
  /** Called between steps; throws where the command is to stop. */
  checkpoint: () => void;
}

export interface RestoreOptions {
  force: boolean;
  /** Both users of a direct conversation, where the archive can't tell. */
  members: [string, string] | null;
}

export interface RestoreReport {
  epoch: number;
  /** The restored events end here. */
  head_seq: number;
  /** How far sessions, or the archive, had it; what lies behind head_seq up to here was acknowledged and is lost. */
  known_seq: number;
  lost: { from_seq: number; to_seq: number } | null;
  /** Members who could not be asked how far they had it. */
  unasked: number;
  /** Segments of ended epochs that stay in the bucket: what they hold does not continue the archive. */
  left_behind: string[];
}

/** This conversation is not restored. */
export class RestoreRefused extends Error {}

export async function restoreConversation(conversationId: string, options: RestoreOptions, tools: RestoreTools): Promise<RestoreReport> {
  return new Restore(conversationId, options, tools).run();
}

class Restore {
  readonly #id: string;
  readonly #options: RestoreOptions;
  readonly #tools: RestoreTools;
  #pair: [string, string] | null;

  constructor(conversationId: string, options: RestoreOptions, tools: RestoreTools) {
    this.#id = conversationId;
    this.#options = options;
    this.#tools = tools;
    this.#pair = options.members;
  }

  async run(): Promise<RestoreReport> {
    const { store, edge, now, checkpoint } = this.#tools;
    const state = await edge.restore({ step: "look", conversation_id: this.#id });
    const epochs = await store.epochs(this.#id);
    const archived = await archivedSeq(store, this.#id, epochs);
    this.#pair ??= archived.pair;
    const waiting = await this.#waiting();
    const target = decideTarget(state, epochs, Math.max(archived.epoch, ...waiting.map(({ epoch }) => epoch)), archived.seq, this.#options.force);
    if (target.kind === "refused") throw new RestoreRefused(target.because);
    const { epoch } = target;
    if (target.kind === "done") return this.#close(epoch, state, epochs);
    checkpoint();
    const begun: EpochEntry = target.resumes ?? { epoch, from_seq: null, begun_at: now(), completed_at: null };
    if (target.resumes === null) await store.recordEpoch(this.#id, begun);
    checkpoint();
    const headSeq = begun.from_seq === null ? await this.#gather(epoch, archived.seq, state) : begun.from_seq - 1;
    if (headSeq === 0 && !isDirect(this.#id)) throw new RestoreRefused("nothing of it is archived, and nobody knows who was in it");
    await store.recordEpoch(this.#id, { ...begun, from_seq: headSeq + 1 });
    checkpoint();
    const known = archived.seq === 0 ? null : { epoch: archived.epoch, seq: archived.seq };
    const began = await edge.restore({ step: "begin", conversation_id: this.#id, epoch, head_seq: headSeq, known, force: this.#options.force || target.resumes !== null });
    checkpoint();
    const finished = began.state === "healthy" ? began : await this.#fill(epoch, headSeq, began, epochs);
    checkpoint();
    return this.#close(epoch, finished, [...epochs.filter((entry) => entry.epoch !== epoch), { ...begun, from_seq: headSeq + 1 }]);
  }

  /** Brings everything that continues the archive into it. @returns where that ends */
  async #gather(epoch: number, from: number, state: RestoreState): Promise<number> {
    let end = from;
    const waiting = await this.#waiting();
    for (;;) {
      const next = nextWaiting(waiting, end, epoch);
      if (next === null) break;
      const object = await this.#tools.bucket.read(next.key);
      if (object === null) break;
      const segment = await this.#checked(next.key, object);
      if (segment === null) break;
      this.#pair ??= segment.head.pair ?? null;
      await storeSegment(segment, this.#tools);
      this.#tools.checkpoint();
      end = next.to_seq;
    }
    return this.#gatherUnsealed(end, state);
  }

  async #checked(key: string, object: Parameters<typeof checkSegment>[1]): Promise<CheckedSegment | null> {
    try {
      return await checkSegment(key, object);
    } catch (error) {
      // It stays where it is, named as left behind.
      if (error instanceof WrongSegment) return null;
      throw error;
    }
  }

  /** What the object itself still has and no segment: where it continues what is archived. */
  async #gatherUnsealed(from: number, state: RestoreState): Promise<number> {
    let end = from;
    if ((state.state !== "needed" && state.state !== "healthy") || state.head_seq <= end) return end;
    if (end > 0 && !(await this.#continues(end))) return end;
    while (end < state.head_seq) {
      const events = await this.#tools.edge.unsealed({ conversation_id: this.#id, from: end + 1 });
      if (events.length === 0 || events[0]?.seq !== end + 1) break;
      await storeSegment(await this.#sealed(events), this.#tools);
      this.#tools.checkpoint();
      end = (events.at(-1) as SegmentEvent).seq;
    }
    return end;
  }

  /** Does the object have the archive's last event? Else it went its own way since. */
  async #continues(end: number): Promise<boolean> {
    const [own] = await this.#tools.edge.links({ conversation_id: this.#id, from: end, to: end });
    for await (const { event } of readEvents(this.#tools.store, this.#id, await this.#tools.store.epochs(this.#id), end)) {
      if (event.seq === end) return own !== undefined && own.msg_id === event.msg_id && own.content_hash === event.content_hash;
    }
    return false;
  }

  /** As the conversation would have sealed them. */
  async #sealed(events: readonly SegmentEvent[]): Promise<CheckedSegment> {
    const [first, last] = [events[0], events.at(-1)] as [SegmentEvent, SegmentEvent];
    const neighbour = first.seq === 1 ? null : await this.#tools.store.ledgerBefore(this.#id, { epoch: first.epoch, from_seq: first.seq });
    const before = first.seq === 1 ? chainStart(this.#id, sha256) : neighbour?.to_seq === first.seq - 1 ? neighbour.chain : undefined;
    return {
      head: {
        conversation_id: this.#id, epoch: first.epoch, from_seq: first.seq, to_seq: last.seq, count: events.length, sha256: sha256(encodeSegment([...events])), format: SEGMENT_FORMAT,
        ...(before === undefined ? {} : { chain_before: before, chain: chainOver(before, events, sha256) }), ...(this.#pair === null ? {} : { pair: this.#pair }),
      },
      events: events.map((event) => ({ event, body: contentText(event) })),
    };
  }

  /** Gives the object its events, from where it stands, and finishes. */
  async #fill(epoch: number, headSeq: number, began: RestoreState, epochs: readonly EpochEntry[]): Promise<RestoreState> {
    const { store, edge, checkpoint } = this.#tools;
    let chain = chainStart(this.#id, sha256);
    const people = new Set<string>();
    let page: RestoreEvent[] = [];
    let bytes = 0;
    const send = async () => {
      if (page.length > 0) await edge.restore({ step: "events", conversation_id: this.#id, epoch, events: page });
      checkpoint();
      page = [];
      bytes = 0;
    };
    for await (const restored of readEvents(store, this.#id, epochs, headSeq)) {
      chain = restored.chain;
      if (isDirect(this.#id)) for (const user of [restored.event.sender_id, ...restored.mentions]) people.add(user);
      if (restored.event.seq < began.next_seq) continue;
      const size = Buffer.byteLength(restored.event.body);
      if (page.length >= RESTORE_EVENTS || (page.length > 0 && bytes + size > RESTORE_BYTES)) await send();
      page.push(restored.event);
      bytes += size;
    }
    await send();
    return edge.restore({ step: "finish", conversation_id: this.#id, epoch, chain, pair: this.#pairOf(people) });
  }

  #pairOf(people: ReadonlySet<string>): [string, string] | null {
    if (!isDirect(this.#id)) return null;
    const named = this.#pair === null ? [] : [this.#pair];
    const guesses = [...people].flatMap((one) => [...people].map((other): [string, string] => [one, other]));
    const pair = [...named, ...guesses].find((guess) => this.#id === `d.${createHash("sha256").update(directPairBytes(...guess)).digest("hex")}`);
    if (pair === undefined) throw new RestoreRefused("nothing that is archived names both users: say --members ann,bob");
    return pair;
  }

  async #close(epoch: number, { head_seq, known_seq, unasked }: RestoreState, epochs: readonly EpochEntry[]): Promise<RestoreReport> {
    const { store, bucket, now } = this.#tools;
    const entry = epochs.find((begun) => begun.epoch === epoch);
    if (entry === undefined) throw new DamagedArchive(`epoch ${epoch} was begun, and is not noted`);
    const end = (entry.from_seq ?? 1) - 1;
    await store.reached(this.#id, epoch, end);
    const left: string[] = [];
    for (const segment of await this.#waiting()) {
      if (segment.epoch >= epoch) continue;
      const known = await store.ledger({ conversation_id: this.#id, epoch: segment.epoch, from_seq: segment.from_seq, to_seq: segment.to_seq });
      if (known !== null && segment.to_seq <= end) await bucket.delete(segment.key);
      else left.push(segment.key);
    }
    // The last thing of all: until then the same command goes on here.
    await store.recordEpoch(this.#id, { ...entry, completed_at: now() });
    const restored = Math.min(end, head_seq);
    return { epoch, head_seq: restored, known_seq, lost: known_seq > restored ? { from_seq: restored + 1, to_seq: known_seq } : null, unasked, left_behind: left };
  }

  async #waiting(): Promise<Waiting[]> {
    const prefix = `${SEGMENT_PREFIX}${sha256(this.#id).slice(0, 2)}/${this.#id}/`;
    const waiting: Waiting[] = [];
    // A conversation's keys stand together, behind their common beginning.
    for (let after = prefix; ;) {
      const { objects, more } = await this.#tools.bucket.page(after);
      for (const { key } of objects) {
        const place = key.startsWith(prefix) ? parseSegmentKey(key) : null;
        if (place !== null) waiting.push({ key, ...place });
      }
      const last = objects.at(-1)?.key;
      if (!more || last === undefined || !last.startsWith(prefix)) break;
      after = last;
    }
    return waiting;
  }
}
