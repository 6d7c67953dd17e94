// How fast a backlog goes, and how long it will take. Pure: times come in.

/** The rate is that of the last minute. */
const WINDOW_MS = 60_000;
/** Pieces of the window that are kept. */
const STEP_MS = 1_000;

interface Step {
  /** ms */
  at: number;
  segments: number;
  rows: number;
}

export interface Pace {
  rows_per_s: number;
  /** s until nothing of the backlog is left; null where nothing moves */
  left_s: number | null;
}

export class Progress {
  #steps: Step[] = [];
  #since: number | null = null;
  segments = 0;
  rows = 0;

  note(rows: number, at: number): void {
    this.segments += 1;
    this.rows += rows;
    this.#since ??= at;
    const last = this.#steps.at(-1);
    if (last !== undefined && at - last.at < STEP_MS) {
      last.segments += 1;
      last.rows += rows;
    } else {
      this.#steps.push({ at, segments: 1, rows });
    }
  }

  /** What comes after a rest has a pace of its own. */
  rest(): void {
    this.#steps = [];
    this.#since = null;
  }

  /** @param waiting segments of the backlog */
  pace(waiting: number, now: number): Pace {
    this.#steps = this.#steps.filter((step) => step.at > now - WINDOW_MS);
    const seconds = Math.min(WINDOW_MS, Math.max(STEP_MS, now - (this.#since ?? now))) / 1_000;
    const sum = (field: "segments" | "rows") => this.#steps.reduce((total, step) => total + step[field], 0);
    const perSecond = sum("segments") / seconds;
    return { rows_per_s: Math.round(sum("rows") / seconds), left_s: waiting === 0 ? 0 : perSecond === 0 ? null : Math.ceil(waiting / perSecond) };
  }
}
