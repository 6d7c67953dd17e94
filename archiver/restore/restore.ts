// Rebuilds a conversation whose storage is lost from its archive, with a new epoch. In this order, and each step may come again after
// a crash: end the old epoch, so that nothing of it is archived behind our back; bring what waits and is not archived yet into
// the archive; note where the new epoch begins; give the object its events; finish; clear the bucket; note that it is done.
import { createHash } from "node:crypto";
import { directPairBytes, isDirect } from "../../protocol/ids.ts";
import { RESTORE_BYTES, RESTORE_EVENTS, RESTORE_RECEIPTS, type RestoreEvent, type RestoreState } from "../../protocol/restore-calls.ts";
import { parseSegmentKey, SEGMENT_PREFIX } from "../../protocol/segment.ts";
import { chainStart } from "../../protocol/chain.ts";
import { sha256 } from "../audit/row-check.ts";
import { AckRefused, type Edge } from "../edge.ts";
import type { SegmentBucket } from "../s3.ts";
import type { ArchiveStore, EpochEntry } from "../stores/store.ts";
import { gather } from "./gather.ts";
import { decideTarget, type Waiting } from "./plan.ts";
import { type Archive, DamagedArchive, readEvents, readReach } from "./read.ts";
import { clipReceipts } from "./receipts.ts";

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
  /** What is behind this seq is given up. */
  upTo: number | null;
  /** Messages whose content the archive does not have as it was are restored without it. */
  acceptLoss: boolean;
}

export interface RestoreReport {
  epoch: number;
  /** The restored events end here. */
  head_seq: number;
  /** How far sessions, or the archive, had it; what lies behind head_seq up to here was acknowledged and is lost. */
  known_seq: number;
  lost: { from_seq: number; to_seq: number } | null;
  /** Messages that are there without what they said: the first thousand. */
  content_lost: number[];
  /** Members whose receipts were brought back; null: the edge is of a version before. */
  receipts: number | null;
  /** Members who could not be asked how far they had it. */
  unasked: number;
  /** Segments of ended epochs that stay in the bucket: what they hold does not continue the archive. */
  left_behind: string[];
}

/** Seqs that the report names. */
const NAMED = 1_000;

function withAdvice({ message, wholeTo, contentAlone }: DamagedArchive): DamagedArchive {
  const ways = [
    ...(contentAlone ? ["--accept-loss restores the message without what it said"] : []),
    wholeTo === 0 ? "nothing before it is whole" : `--up-to ${wholeTo} restores what is before it`,
  ];
  return new DamagedArchive(`${message}: ${ways.join(", ")}`, wholeTo, contentAlone);
}

function beginsLate(conversationId: string, seq: number): string {
  const because = `the archive begins at seq ${seq}: what was before is past its retention or was removed, and nothing can stand behind what nobody has`;
  return isDirect(conversationId) ? `${because}; --up-to 0 begins it anew, empty` : `${because}, nor is it known who was in it`;
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
  readonly #contentLost: number[] = [];
  #receipts: number | null = 0;

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
    const archived = await readReach(this.#archive(epochs));
    this.#pair ??= archived.pair;
    const waiting = await this.#waiting();
    const target = decideTarget(state, epochs, Math.max(archived.epoch, ...waiting.map(({ epoch }) => epoch)), archived.seq, this.#options.force);
    if (target.kind === "refused") throw new RestoreRefused(target.because);
    const { epoch } = target;
    if (target.kind === "done") return this.#close(epoch, state, epochs);
    if (archived.begins > 1 && !(isDirect(this.#id) && this.#options.upTo === 0)) throw new RestoreRefused(beginsLate(this.#id, archived.begins));
    checkpoint();
    const begun: EpochEntry = target.resumes ?? { epoch, from_seq: null, begun_at: now(), completed_at: null };
    if (target.resumes === null) await store.recordEpoch(this.#id, begun);
    checkpoint();
    const { upTo } = this.#options;
    const reach = begun.from_seq === null ? await this.#gather(epoch, state) : begun.from_seq - 1;
    const headSeq = Math.min(reach, upTo ?? reach);
    // Before anything that is there is emptied.
    const present = [...epochs.filter((entry) => entry.epoch !== epoch), { ...begun, from_seq: headSeq + 1 }];
    if (state.state !== "restoring" || upTo !== null) await this.#requireWhole(headSeq, present);
    if (headSeq === 0 && !isDirect(this.#id)) throw new RestoreRefused("nothing of it is archived, and nobody knows who was in it");
    await store.recordEpoch(this.#id, { ...begun, from_seq: headSeq + 1 });
    checkpoint();
    const known = archived.seq === 0 ? null : { epoch: archived.epoch, seq: archived.seq };
    const began = await edge.restore({ step: "begin", conversation_id: this.#id, epoch, head_seq: headSeq, known, force: this.#options.force || target.resumes !== null });
    checkpoint();
    const finished = began.state === "healthy" ? began : await this.#fill(epoch, headSeq, began, present);
    checkpoint();
    return this.#close(epoch, finished, present);
  }

  /** Archivers may have gone on until they saw that the epoch begins: what they took from the bucket since is in the archive by now. */
  async #gather(epoch: number, state: RestoreState): Promise<number> {
    try {
      const waiting = await this.#waiting();
      const gathered = await gather({ conversationId: this.#id, epoch, waiting, state, pair: this.#pair, ...this.#options }, this.#tools);
      this.#pair = gathered.pair;
      return gathered.end;
    } catch (error) {
      throw error instanceof DamagedArchive ? withAdvice(error) : error;
    }
  }

  #archive(epochs: readonly EpochEntry[]): Archive {
    return { store: this.#tools.store, conversationId: this.#id, epochs };
  }

  /** Throws DamagedArchive, with what the operator can do. */
  async #requireWhole(headSeq: number, epochs: readonly EpochEntry[]): Promise<void> {
    try {
      for await (const { event } of readEvents(this.#archive(epochs), headSeq, this.#options.acceptLoss)) {
        if (event.seq % RESTORE_EVENTS === 0) this.#tools.checkpoint();
      }
    } catch (error) {
      throw error instanceof DamagedArchive ? withAdvice(error) : error;
    }
  }

  /** Gives the object its events, from where it stands, and finishes. */
  async #fill(epoch: number, headSeq: number, began: RestoreState, epochs: readonly EpochEntry[]): Promise<RestoreState> {
    const { edge, checkpoint } = this.#tools;
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
    for await (const restored of readEvents(this.#archive(epochs), headSeq, this.#options.acceptLoss)) {
      chain = restored.chain;
      if (restored.contentLost && this.#contentLost.length < NAMED) this.#contentLost.push(restored.event.seq);
      if (isDirect(this.#id)) for (const user of [restored.event.sender_id, ...restored.mentions]) people.add(user);
      if (restored.event.seq < began.next_seq) continue;
      const size = Buffer.byteLength(restored.event.body);
      if (page.length >= RESTORE_EVENTS || (page.length > 0 && bytes + size > RESTORE_BYTES)) await send();
      page.push(restored.event);
      bytes += size;
    }
    await send();
    await this.#fillReceipts(epoch, epochs);
    return edge.restore({ step: "finish", conversation_id: this.#id, epoch, chain, pair: this.#pairOf(people) });
  }

  async #fillReceipts(epoch: number, epochs: readonly EpochEntry[]): Promise<void> {
    const receipts = clipReceipts(await this.#tools.store.receipts(this.#id), epochs);
    try {
      for (let i = 0; i < receipts.length; i += RESTORE_RECEIPTS) {
        await this.#tools.edge.restore({ step: "receipts", conversation_id: this.#id, epoch, receipts: receipts.slice(i, i + RESTORE_RECEIPTS) });
        this.#tools.checkpoint();
      }
      this.#receipts = receipts.length;
    } catch (error) {
      if (!(error instanceof AckRefused) || error.status !== 400) throw error;
      this.#receipts = null;
    }
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
    if (entry === undefined) throw new RestoreRefused(`epoch ${epoch} was begun, and is not noted`);
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
    return { epoch, head_seq: restored, known_seq, lost: known_seq > restored ? { from_seq: restored + 1, to_seq: known_seq } : null, content_lost: this.#contentLost, receipts: this.#receipts, unasked, left_behind: left };
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
