// What waits, as the metrics say it: from a listing, and counted again while a long pass goes on.
import { setTimeout as pause } from "node:timers/promises";
import { log } from "../log/log.ts";
import type { Metrics } from "./metrics.ts";
import { Progress } from "./progress.ts";
import { BucketUnavailable, type ListedObject, type SegmentBucket } from "./s3.ts";
import type { Share } from "./share.ts";
import { type Backlog, countSegments } from "./survey.ts";

/** Between counts while a pass goes on, at least; and for each page that a count took. */
const COUNT_MS = 1_000;
/** Between lines of progress. */
const PROGRESS_MS = 10_000;

export interface BacklogTools {
  bucket: SegmentBucket;
  metrics: Metrics;
  pollMs: number;
  /** ms */
  now: () => number;
  share: () => Share;
  /** The bucket could not be listed; tried again after `wait` ms. */
  onUnavailable: (error: BucketUnavailable, wait: number) => void;
}

export class BacklogCount {
  readonly #tools: BacklogTools;
  readonly #progress = new Progress();
  /** Kept beside the gauges, whose values can't be read at once. */
  #segments = 0;
  #oldestAt: number | null = null;
  #pages = 0;
  #toldAt = 0;

  constructor(tools: BacklogTools) {
    this.#tools = tools;
  }

  get segments(): number {
    return this.#segments;
  }

  page(): void {
    this.#pages += 1;
    this.#tools.metrics.listCalls.inc();
    this.#tools.metrics.up.set({ part: "bucket" }, 1);
  }

  set({ segments, bytes, oldest_at }: Backlog): void {
    const { metrics, now } = this.#tools;
    this.#segments = segments;
    this.#oldestAt = oldest_at;
    metrics.backlogSegments.set(segments);
    metrics.backlogBytes.set(bytes);
    metrics.oldestAge.set(oldest_at === null ? 0 : Math.max(0, (now() - oldest_at) / 1_000));
  }

  /** @param rows null: another archiver was faster */
  done(object: ListedObject, rows: number | null): void {
    const { metrics, now } = this.#tools;
    // What came since the last listing was never counted.
    this.#segments = Math.max(0, this.#segments - 1);
    metrics.backlogSegments.set(this.#segments);
    metrics.backlogBytes.dec(object.size);
    if (rows !== null) this.#progress.note(rows, now());
    this.#tell();
  }

  /** Nothing is in hand. */
  rest(): void {
    this.#progress.rest();
    this.#tools.metrics.rowsPerSecond.set(0);
    this.#tools.metrics.backlogLeft.set(this.#segments === 0 ? 0 : -1);
  }

  /** A store that hangs, or a long backlog, must not hide what piles up behind it. @param atOnce nothing was counted yet */
  async countDuring(working: AbortSignal, atOnce: boolean): Promise<void> {
    const { bucket, share, pollMs, onUnavailable } = this.#tools;
    let wait = atOnce ? 0 : Math.max(pollMs, COUNT_MS);
    while (await pause(wait, true, { signal: working }).catch(() => false)) {
      const before = this.#pages;
      try {
        this.set(await countSegments({ bucket, share: share(), onPage: () => this.page() }));
        // So a count of a million segments, a thousand calls, comes every seventeen minutes.
        wait = Math.max(pollMs, COUNT_MS * (this.#pages - before));
      } catch (error) {
        if (!(error instanceof BucketUnavailable)) throw error;
        wait = COUNT_MS;
        onUnavailable(error, wait);
      }
    }
  }

  #tell(): void {
    const { metrics, now } = this.#tools;
    const at = now();
    if (at - this.#toldAt < 1_000 && at >= this.#toldAt) return;
    const { rows_per_s, left_s } = this.#progress.pace(this.#segments, at);
    metrics.rowsPerSecond.set(rows_per_s);
    metrics.backlogLeft.set(left_s ?? -1);
    if (Math.floor(at / PROGRESS_MS) !== Math.floor(this.#toldAt / PROGRESS_MS)) {
      const lag_s = this.#oldestAt === null ? 0 : Math.max(0, Math.round((at - this.#oldestAt) / 1_000));
      log("info", "archive_progress", { segments: this.#progress.segments, rows: this.#progress.rows, rows_per_s, segments_left: this.#segments, left_s, lag_s });
    }
    this.#toldAt = at;
  }
}
