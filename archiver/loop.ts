// The archiver's life: look at a stretch of its share of the bucket, archive what waits there, a few conversations at once,
// and wait, the longer the less there was; for ever, or once until nothing waits.
import { setTimeout as pause } from "node:timers/promises";
import { retryDelay } from "../domain/retry.ts";
import { errorFields, log } from "../log/log.ts";
import { type Archived, type ArchiveTools, archiveRun } from "./archive.ts";
import { BacklogCount } from "./backlog.ts";
import { Budget } from "./budget.ts";
import { OtherCopy, TEXT_BYTES, WrongSegment } from "./checked-segment.ts";
import { checkClock, ClockWrong } from "./clock.ts";
import { AckRefused, EdgeUnavailable } from "./edge.ts";
import { inLanes } from "./lanes.ts";
import type { Sharing } from "./membership.ts";
import type { Metrics, Part } from "./metrics.ts";
import { pollWait } from "./poll.ts";
import { reportWrong } from "./report.ts";
import { runsOf } from "./runs.ts";
import { BucketUnavailable, type ListedObject, OBJECT_BYTES } from "./s3.ts";
import { Shelf } from "./shelf.ts";
import { StoreRefused, StoreUnavailable } from "./stores/store.ts";
import { surveySegments } from "./survey.ts";

/** Conversations in hand at once. */
const WIDTH = 6;
/** The waits of a long outage grow no further than at this attempt: catching up starts within about ten seconds. */
const LONGEST_WAIT_ATTEMPT = 4;

/** Thrown at a checkpoint once the process is to stop. */
class Stopped extends Error {}

export interface LoopTools extends Omit<ArchiveTools, "checkpoint" | "texts"> {
  sharing: Sharing;
  metrics: Metrics;
  /** After a look that found work; the wait doubles with each that found none, up to `pollMaxMs`. */
  pollMs: number;
  pollMaxMs: number;
  /** in [0, 1) */
  random: () => number;
}

/** What a run until nothing waits has done, and what it left. */
export interface Summary {
  segments: number;
  written: number;
  present: number;
  expired: number;
  quarantined: number;
  refused: number;
  /** Why it ended before its time; null: it saw all there is. */
  stopped: string | null;
}

const UNAVAILABLE: readonly [new (cause: unknown) => Error, Part][] = [
  [StoreUnavailable, "store"],
  [BucketUnavailable, "bucket"],
  [EdgeUnavailable, "edge"],
];

function partOf(error: unknown): Part | null {
  return UNAVAILABLE.find(([type]) => error instanceof type)?.[1] ?? null;
}

/** Concerns one segment only. */
function isOfOne(error: unknown): error is WrongSegment | AckRefused | StoreRefused {
  return error instanceof WrongSegment || error instanceof AckRefused || error instanceof StoreRefused;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, at: random() })).toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

export class Archiver {
  readonly #tools: LoopTools;
  readonly #signal: AbortSignal;
  readonly #shelf = new Shelf();
  readonly #backlog: BacklogCount;
  /** Compressed, of what is read or waits to be unpacked; and unpacked. */
  readonly #objects = new Budget(OBJECT_BYTES);
  readonly #texts = new Budget(TEXT_BYTES);
  /** Where the next pass goes on in the listing. */
  #after = "";
  /** Keys of the shelf that this round of the listing has seen. */
  #kept = new Set<string>();
  readonly #done = { segments: 0, written: 0, present: 0, expired: 0 };

  /** @param signal ends the loop after the steps in hand */
  constructor(tools: LoopTools, signal: AbortSignal) {
    this.#tools = tools;
    this.#signal = signal;
    this.#backlog = new BacklogCount({ ...tools, share: () => tools.sharing.known, onUnavailable: (error, wait) => this.#failed("bucket", error, wait) });
  }

  /** Until the signal. Throws only for what no waiting mends, such as a schema that is too new. */
  async run(): Promise<void> {
    let [failures, idle] = [0, 0];
    while (!this.#signal.aborted) {
      let wait = 0;
      try {
        const before = this.#done.segments;
        const more = await this.pass();
        failures = 0;
        const worked = this.#done.segments > before;
        if (worked || more) idle = 0;
        if (!more || !worked) wait = pollWait(idle, this.#tools, this.#tools.random());
        if (!more) idle += 1;
      } catch (error) {
        if (error instanceof Stopped) break;
        const part = partOf(error);
        if (part === null && !(error instanceof ClockWrong)) throw error;
        failures += 1;
        wait = retryDelay(Math.min(failures, LONGEST_WAIT_ATTEMPT), this.#tools.random());
        if (part === null) this.#clockWrong(error as ClockWrong, wait);
        else this.#failed(part, error, wait);
      }
      // An abort ends the pause early, which the loop's condition sees.
      if (wait > 0) await pause(wait, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  /** Until nothing waits, or a part is unavailable. */
  async once(): Promise<Summary> {
    let stopped: string | null = null;
    try {
      while (await this.pass());
    } catch (error) {
      const part = partOf(error);
      if (part === null && !(error instanceof Stopped) && !(error instanceof ClockWrong)) throw error;
      const said = (error as Error).message.split("\n", 1)[0];
      if (part !== null) this.#failed(part, error, 0);
      if (error instanceof ClockWrong) this.#clockWrong(error, 0);
      stopped = part !== null ? `the ${part} is unavailable: ${said}` : error instanceof Stopped ? "it was told to stop" : `${said}`;
    }
    return { ...this.#done, ...this.#shelf.counts(), stopped };
  }

  /** Archives what waits in the next stretch of the listing. True where there is more. Throws where a part is unavailable. */
  async pass(): Promise<boolean> {
    const from = this.#after;
    try {
      return await this.#pass();
    } catch (error) {
      // The same stretch again, or it would wait until a whole round has passed.
      this.#after = from;
      throw error;
    }
  }

  async #pass(): Promise<boolean> {
    const { bucket, store, metrics, sharing, now, random } = this.#tools;
    const share = sharing.known;
    const survey = await surveySegments({ bucket, shelf: this.#shelf, share, onPage: () => this.#backlog.page() }, this.#after, now());
    const whole = this.#after === "" && survey.next === null;
    if (whole) this.#backlog.set(survey);
    this.#endStretch(survey.kept, survey.next);
    metrics.clockSkew.set(checkClock(now(), bucket.time?.() ?? null) / 1_000);
    await store.open();
    await store.check();
    metrics.up.set({ part: "store" }, 1);
    const current = await sharing.current();
    const working = new AbortController();
    const counting = this.#backlog.countDuring(working.signal, !whole && this.#backlog.segments === 0);
    try {
      // In no order that several archivers would share.
      await inLanes(shuffled(survey.groups, random), WIDTH, async (group) => {
        for (const run of runsOf(group, (key) => this.#shelf.has(key))) await this.#take(run);
      });
    } finally {
      working.abort();
      await counting;
      metrics.textBytes.set(this.#texts.used);
    }
    metrics.lastPass.set(now() / 1_000);
    // What others have left was passed over: from the start.
    const changed = !current.equals(share);
    if (changed) this.#endStretch(new Set(), "");
    const more = survey.next !== null || survey.cut || changed;
    if (!more) this.#backlog.rest();
    return more;
  }

  #endStretch(kept: ReadonlySet<string>, next: string | null): void {
    for (const key of kept) this.#kept.add(key);
    this.#after = next ?? "";
    // Only a round that has seen everything knows what is gone.
    if (next === null) this.#shelf.retain(this.#kept);
    if (this.#after === "") this.#kept = new Set();
    this.#countShelf();
  }

  /** Throws only what concerns all segments; what concerns one leaves it in the bucket. */
  async #take(run: readonly ListedObject[]): Promise<void> {
    const { metrics, sharing } = this.#tools;
    this.#checkpoint();
    // Also after a pause of the whole process: its share may be others' by now.
    const share = await sharing.current();
    const own = run.filter(({ key }) => share.owns(key));
    if (own.length === 0) return;
    this.#checkpoint();
    const timed = metrics.segmentSeconds.startTimer();
    const tools = { ...this.#tools, texts: this.#texts, checkpoint: () => this.#checkpoint() };
    try {
      const bytes = own.reduce((sum, { size }) => sum + size, 0);
      const archived = await this.#objects.hold(bytes, () => archiveRun(own.map(({ key }) => key), tools));
      metrics.textBytes.set(this.#texts.used);
      for (const object of own) this.#ended(object, archived.find(({ key }) => key === object.key) ?? null, timed);
    } catch (error) {
      if (own.length > 1 && isOfOne(error)) {
        // Which of them it is shows when each goes alone; those that are done already lose nothing by it.
        for (const object of own) await this.#take([object]);
        return;
      }
      await this.#left((own as [ListedObject])[0], error);
    }
  }

  /** One that could not be archived. */
  async #left(object: ListedObject, error: unknown): Promise<void> {
    const { metrics, edge, bucket } = this.#tools;
    const answer = error instanceof WrongSegment ? await reportWrong(object.key, error, edge) : null;
    if (answer !== null) metrics.reported.inc({ answer });
    if (!(error instanceof OtherCopy) || answer !== "of_no_use") return this.#keep(object, error);
    // A PUT that was given up arrived after all: what a deletion took may be in it, so it must not lie there for ever.
    await bucket.delete(object.key);
    this.#ended(object, null, () => undefined);
    log("warn", "segment_dropped", { key: object.key, error: error.message });
  }

  /** @param archived null: another archiver was faster */
  #ended(object: ListedObject, archived: Archived | null, timed: () => void): void {
    const { metrics } = this.#tools;
    if (this.#shelf.forget(object.key)) this.#countShelf();
    this.#backlog.done(object, archived?.head.count ?? null);
    if (archived === null) return;
    timed();
    metrics.archived.inc();
    metrics.up.set({ part: "edge" }, 1);
    this.#done.segments += 1;
    for (const [label, count] of [["written", archived.rows], ["present", archived.present], ["expired", archived.expired]] as const) {
      metrics.rows.inc({ outcome: label }, count);
      this.#done[label] += count;
    }
    const { key, rows, present, expired, archived_seq } = archived;
    log("info", "segment_archived", { key, rows, present, expired, archived_seq });
  }

  #keep(object: ListedObject, error: unknown): void {
    const { metrics, now, random } = this.#tools;
    if (!isOfOne(error)) throw error;
    const wrong = error instanceof WrongSegment;
    this.#shelf.keep(object, error, now(), random());
    this.#countShelf();
    if (error instanceof AckRefused) metrics.ackFailures.inc({ status: String(error.status) });
    metrics.errors.inc({ kind: wrong ? error.reason : error instanceof AckRefused ? "ack_refused" : "store_refused" });
    log("error", wrong ? "segment_quarantined" : "segment_refused", {
      key: object.key, ...(wrong ? { reason: error.reason } : {}), error: error.message,
    });
  }

  #failed(part: Part, error: unknown, wait: number): void {
    const { metrics } = this.#tools;
    metrics.up.set({ part }, 0);
    metrics.errors.inc({ kind: `${part}_unavailable` });
    if (part === "edge") metrics.ackFailures.inc({ status: "none" });
    log("warn", `${part}_unavailable`, { retry_in_ms: wait, error: errorFields(error)["error"] });
  }

  #clockWrong({ skew_ms, message }: ClockWrong, wait: number): void {
    const { metrics } = this.#tools;
    metrics.clockSkew.set(skew_ms / 1_000);
    metrics.errors.inc({ kind: "clock_wrong" });
    log("error", "clock_wrong", { retry_in_ms: wait, error: message });
  }

  #countShelf(): void {
    const { quarantined, refused } = this.#shelf.counts();
    this.#tools.metrics.quarantined.set(quarantined);
    this.#tools.metrics.refused.set(refused);
  }

  #checkpoint(): void {
    if (this.#signal.aborted) throw new Stopped();
  }
}
