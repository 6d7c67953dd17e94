// Times as people write them, in their own language and time zone.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const FULL_DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function clock(ms: number): string {
  return CLOCK.format(ms);
}

export function wholeTime(ms: number): string {
  return FULL.format(ms);
}

/** Days since 1970 by the local calendar. */
export function dayNumber(ms: number): number {
  const date = new Date(ms);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

/** `Today`, `Yesterday`, a weekday within the week, else the date. */
export function dayName(ms: number, now: number): string {
  const ago = dayNumber(now) - dayNumber(ms);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  if (ago > 1 && ago < 7) return WEEKDAY.format(ms);
  return new Date(ms).getFullYear() === new Date(now).getFullYear() ? DAY.format(ms) : FULL_DAY.format(ms);
}

/** For a list: the clock today, else the day, short. */
export function shortTime(ms: number, now: number): string {
  const ago = dayNumber(now) - dayNumber(ms);
  if (ago <= 0) return clock(ms);
  if (ago === 1) return "Yesterday";
  return ago < 7 ? WEEKDAY.format(ms) : SHORT_DAY.format(ms);
}

/** `a moment ago`, `5 minutes ago`, `at 10:15`, `Yesterday at 10:15`, else the day. */
export function lastSeen(ms: number, now: number): string {
  const minutes = Math.floor((now - ms) / 60_000);
  if (minutes < 1) return "a moment ago";
  if (minutes < 60) return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
  const ago = dayNumber(now) - dayNumber(ms);
  if (ago <= 0) return `at ${clock(ms)}`;
  return ago === 1 ? `yesterday at ${clock(ms)}` : `on ${SHORT_DAY.format(ms)}`;
}
