// The archiver's life: survey the bucket, archive what waits, a few conversations at once, and wait; for ever.
import { setTimeout as pause } from "node:timers/promises";
import { retryDelay } from "../domain/retry.ts";
import { errorFields, log } from "../log/log.ts";
import { type ArchiveTools, archiveSegment } from "./archive.ts";
import { WrongSegment } from "./checked-segment.ts";
import { checkClock, ClockWrong } from "./clock.ts";
import { AckRefused, EdgeUnavailable } from "./edge.ts";
import { inLanes } from "./lanes.ts";
import type { Metrics, Part } from "./metrics.ts";
import { reportWrong } from "./report.ts";
import { BucketUnavailable, type ListedObject } from "./s3.ts";
import { Shelf } from "./shelf.ts";
import { StoreRefused, StoreUnavailable } from "./stores/store.ts";
import { type Backlog, countSegments, surveySegments } from "./survey.ts";

/** Conversations in hand at once. */
const WIDTH = 4;
/** Between counts of the backlog while a pass goes on, at least. */
const COUNT_MS = 1_000;
/** The waits of a long outage grow no further than at this attempt: catching up starts within about ten seconds. */
const LONGEST_WAIT_ATTEMPT = 4;

/** Thrown at a checkpoint once the process is to stop. */
class Stopped extends Error {}

export interface LoopTools extends Omit<ArchiveTools, "checkpoint"> {
  metrics: Metrics;
  pollMs: number;
  /** in [0, 1) */
  random: () => number;
}

const UNAVAILABLE: readonly [new (cause: unknown) => Error, Part][] = [
  [StoreUnavailable, "store"],
  [BucketUnavailable, "bucket"],
  [EdgeUnavailable, "edge"],
];

function partOf(error: unknown): Part | null {
  return UNAVAILABLE.find(([type]) => error instanceof type)?.[1] ?? null;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items.map((item) => ({ item, at: random() })).toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

export class Archiver {
  readonly #tools: LoopTools;
  readonly #signal: AbortSignal;
  readonly #shelf = new Shelf();

  /** @param signal ends the loop after the steps in hand */
  constructor(tools: LoopTools, signal: AbortSignal) {
    this.#tools = tools;
    this.#signal = signal;
  }

  /** Until the signal. Throws only for what no waiting mends, such as a schema that is too new. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#signal.aborted) {
      let wait = this.#tools.pollMs;
      try {
        if (await this.pass()) wait = 0;
        failures = 0;
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
      await pause(wait, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  /** Archives what waits now. True where there is more than one pass takes in hand. Throws where a part is unavailable. */
  async pass(): Promise<boolean> {
    const { bucket, store, metrics, now, random } = this.#tools;
    const survey = await surveySegments(bucket, this.#shelf, now());
    this.#countBacklog(survey);
    this.#countShelf();
    metrics.clockSkew.set(checkClock(now(), bucket.time?.() ?? null) / 1_000);
    await store.open();
    await store.check();
    metrics.up.set({ part: "store" }, 1);
    const working = new AbortController();
    const counting = this.#countDuring(working.signal);
    try {
      // Several archivers that start together would otherwise do the same work at the same time.
      await inLanes(shuffled(survey.groups, random), WIDTH, async (group) => {
        for (const object of group) await this.#take(object);
      });
    } finally {
      working.abort();
      await counting;
    }
    metrics.lastPass.set(now() / 1_000);
    return survey.more;
  }

  /** A store that hangs, or a long backlog, must not hide what piles up behind it. */
  async #countDuring(working: AbortSignal): Promise<void> {
    const rest = () => pause(Math.max(this.#tools.pollMs, COUNT_MS), true, { signal: working }).catch(() => false);
    while (await rest()) {
      try {
        this.#countBacklog(await countSegments(this.#tools.bucket));
      } catch (error) {
        if (!(error instanceof BucketUnavailable)) throw error;
        this.#failed("bucket", error, COUNT_MS);
      }
    }
  }

  #countBacklog({ segments, bytes, oldest_at, pages }: Backlog): void {
    const { metrics, now } = this.#tools;
    metrics.up.set({ part: "bucket" }, 1);
    metrics.listCalls.inc(pages);
    metrics.backlogSegments.set(segments);
    metrics.backlogBytes.set(bytes);
    metrics.oldestAge.set(oldest_at === null ? 0 : Math.max(0, (now() - oldest_at) / 1_000));
  }

  /** Throws only what concerns all segments; what concerns this one leaves it in the bucket. */
  async #take(object: ListedObject): Promise<void> {
    const { metrics } = this.#tools;
    this.#checkpoint();
    const timed = metrics.segmentSeconds.startTimer();
    try {
      const outcome = await archiveSegment(object.key, { ...this.#tools, checkpoint: () => this.#checkpoint() });
      if (this.#shelf.forget(object.key)) this.#countShelf();
      if (outcome.kind === "archived") {
        timed();
        metrics.archived.inc();
        metrics.up.set({ part: "edge" }, 1);
        for (const [label, count] of [["written", outcome.rows], ["present", outcome.present], ["expired", outcome.expired]] as const) {
          metrics.rows.inc({ outcome: label }, count);
        }
        const { rows, present, expired, archived_seq } = outcome;
        log("info", "segment_archived", { key: object.key, rows, present, expired, archived_seq });
      }
      metrics.backlogSegments.dec();
      metrics.backlogBytes.dec(object.size);
    } catch (error) {
      this.#keep(object, error);
      if (error instanceof WrongSegment) metrics.reported.inc({ answer: await reportWrong(object.key, error, this.#tools.edge) });
    }
  }

  #keep(object: ListedObject, error: unknown): void {
    const { metrics, now, random } = this.#tools;
    const wrong = error instanceof WrongSegment;
    if (!wrong && !(error instanceof AckRefused) && !(error instanceof StoreRefused)) throw error;
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
