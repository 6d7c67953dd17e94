// The deployment's settings: their bounds, defaults and environment names.
import * as v from "valibot";
import { GROUP_MEMBERS } from "./limits.ts";
import { GRACE_MS, MEDIA_RETENTION_DAYS, UNSENT_MS } from "./media.ts";

const int = (min: number, max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
const DAY_MS = 86_400_000;

export const Settings = v.object({
  /** Requests a second and user, over all devices and entrances; 0 for no limit. */
  rate_limit: int(0, 1_000_000),
  /** Requests that may come at once; 0 for no limit. */
  rate_burst: int(0, 1_000_000),
  /** A conversation seals once this many events wait … */
  seal_events: int(1, 10_000),
  /** … or the oldest has waited this long, ms. */
  seal_after_ms: int(100, 30 * DAY_MS),
  /** A segment that no archiver has acknowledged this long after its PUT is looked for in the bucket, ms. */
  reseal_after_ms: int(100, 30 * DAY_MS),
  /** The newest events whose bodies stay in the object … */
  hot_events: int(0, 1_000_000),
  /** … and those younger than this many days. */
  hot_days: int(0, 3_650),
  /** Deliveries of one conversation under way at once. */
  fanout_width: int(1, 1_000),
  /** How long a delivery may take before it counts as failed, ms. */
  deliver_timeout_ms: int(50, 30_000),
  /** Pushes within settle_after_ms after which a conversation opens a line to each session that it pushes to; 0: never. */
  lines_after: int(0, 1_000),
  /** How long a busy conversation waits before it settles every member, ms. */
  settle_after_ms: int(50, 60_000),
  /** Members of a new group, which may ask for fewer. */
  max_members: int(2, GROUP_MEMBERS),
  /** Members up to which every member's inbox is written; above, nobody's. */
  fanout_write_max: int(2, GROUP_MEMBERS),
  /** A group that has shrunk to this many members goes back to writing. */
  fanout_write_again: int(1, GROUP_MEMBERS),
  /** Members up to which everybody who is online is told; above, only who has the conversation open. */
  fanout_read_max: int(2, 1_000_000),
  /** One that has shrunk to this many tells everybody who is online again. */
  fanout_read_again: int(1, 1_000_000),
  /** Receipts of a conversation are stored, and told, at most this often, ms. */
  receipts_every_ms: int(0, 60_000),
  /** Events that a device may have without a receipt before it is asked to pull; 0: receipts are not waited for, and nothing is sent again. */
  credit_events: int(0, 1_000_000),
  /** How long after sending a message may be edited, ms; 0 for ever. */
  edit_window_ms: int(0, 3_650 * DAY_MS),
  /** Searches for people a day and user; 0 for no limit. */
  searches_per_day: int(0, 1_000_000),
  /** How long after a deletion what is left of its words in a conversation's index is overwritten, ms: deletions share that work. */
  search_tidy_after_ms: int(0, 30 * DAY_MS),
  /** How long a message's file is kept, from the message's own time, ms. */
  media_retention_ms: int(1_000, 36_500 * DAY_MS),
  /** How long a file stays that no message refers to any more, ms. */
  media_grace_ms: int(0, 365 * DAY_MS),
  /** How long an upload waits to be sent, ms. The store's own rule for it is a day. */
  media_unsent_ms: int(1_000, DAY_MS),
});
export type Settings = v.InferOutput<typeof Settings>;
export type SettingName = keyof Settings;

export const DEFAULT_SETTINGS: Settings = {
  rate_limit: 20,
  rate_burst: 20,
  seal_events: 256,
  seal_after_ms: DAY_MS,
  reseal_after_ms: 3_600_000,
  hot_events: 1_000,
  hot_days: 30,
  fanout_width: 100,
  deliver_timeout_ms: 2_000,
  lines_after: 4,
  settle_after_ms: 3_000,
  max_members: GROUP_MEMBERS,
  fanout_write_max: 100,
  fanout_write_again: 80,
  fanout_read_max: 10_000,
  fanout_read_again: 8_000,
  receipts_every_ms: 250,
  credit_events: 256,
  edit_window_ms: DAY_MS,
  searches_per_day: 1_000,
  search_tidy_after_ms: 3_600_000,
  media_retention_ms: MEDIA_RETENTION_DAYS * DAY_MS,
  media_grace_ms: GRACE_MS,
  media_unsent_ms: UNSENT_MS,
};

export const SETTING_NAMES = Object.keys(DEFAULT_SETTINGS) as SettingName[];

/** `PATCH /v1/admin/settings`: the values to change. */
export const SettingsPatch = v.strictObject(v.partial(Settings).entries);
export type SettingsPatch = v.InferOutput<typeof SettingsPatch>;

/** `GET /v1/admin/settings`: each value with where it comes from. */
export type SettingsView = Record<SettingName, { value: number; source: "default" | "stored" | "environment" }>;

/** `rate_limit` → `CONFAB_RATE_LIMIT` */
export function settingVariable(name: SettingName): string {
  return `CONFAB_${name.toUpperCase()}`;
}

/** The values that the environment pins. Throws on one that is out of bounds: a typing error must not pass for the default. */
export function pinnedSettings(env: Readonly<Record<string, unknown>>): SettingsPatch {
  const given = SETTING_NAMES.flatMap((name) => {
    const text = env[settingVariable(name)];
    return text === undefined || text === "" ? [] : [[name, Number(text)] as const];
  });
  const result = v.safeParse(SettingsPatch, Object.fromEntries(given));
  if (!result.success) {
    const name = v.getDotPath(result.issues[0]) as SettingName;
    throw new Error(`${settingVariable(name)} is out of bounds`);
  }
  return result.output;
}
