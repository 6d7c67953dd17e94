// Which part of a conversation stands in the page. However long it is, the DOM holds a few hundred messages.
import type { Slot } from "../client/client.ts";

/** Seqs, both included; `last` null: up to the newest, and following it. */
export interface Window {
  first: number;
  last: number | null;
}

/** Events that one step adds. */
export const STEP = 60;
/** Most events in the page at once. */
export const MOST = 240;

type Run = readonly Slot[];

export function newest(run: Run): Window {
  return { first: run[Math.max(0, run.length - STEP)]?.seq ?? 0, last: null };
}

export function slice(run: Run, window: Window): Run {
  return run.slice(indexOf(run, window.first), endOf(run, window));
}

/** Older events are there, only not in the page. */
export function hidesOlder(run: Run, window: Window): boolean {
  return indexOf(run, window.first) > 0;
}

export function older(run: Run, window: Window): Window {
  const start = Math.max(0, indexOf(run, window.first) - STEP);
  return between(run, start, Math.min(endOf(run, window), start + MOST));
}

export function newer(run: Run, window: Window): Window {
  const end = Math.min(run.length, endOf(run, window) + STEP);
  return between(run, Math.max(indexOf(run, window.first), end - MOST), end);
}

/** While somebody reads the newest: what has scrolled far out of sight goes. */
export function trimmed(run: Run, window: Window): Window {
  const many = window.last === null && run.length - indexOf(run, window.first) > MOST;
  return many ? between(run, run.length - MOST + STEP, run.length) : window;
}

function between(run: Run, start: number, end: number): Window {
  return { first: run[start]?.seq ?? 0, last: end >= run.length ? null : (run[end - 1]?.seq ?? null) };
}

function endOf(run: Run, { last }: Window): number {
  return last === null ? run.length : indexOf(run, last + 1);
}

/** Of the first event whose seq is not below `seq`. */
function indexOf(run: Run, seq: number): number {
  let [low, high] = [0, run.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle] as Slot).seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
