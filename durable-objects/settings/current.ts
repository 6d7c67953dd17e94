// The settings in force, cached for 60 s per isolate: default, then stored, then what the environment pins.
import { withDurables } from "itty-durable";
import { DEFAULT_SETTINGS, pinnedSettings, SETTING_NAMES, type Settings, type SettingsPatch, type SettingsView } from "../../protocol/settings.ts";
import { errorFields, log } from "../../log/log.ts";
import type { Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";

const CACHE_MS = 60_000;
/** While one reads, or after a failure, the others go on with what was last read for this long. */
const PAUSE_MS = 1_000;

interface Remote {
  read(): Promise<SettingsPatch>;
  change(patch: SettingsPatch): Promise<SettingsPatch>;
}

let stored: SettingsPatch = {};
let freshUntil = 0;
/** Readings and changes that have come back; 0: nothing is known yet. */
let version = 0;
let merged: { from: SettingsPatch; env: Env; settings: Settings } | null = null;

/** itty-durable's own stub: JSON over the object's fetch, with nothing of a client's request in it. */
function remote(env: Env): Remote {
  const holder: { headers: Headers; SETTINGS?: { get(name: string): Remote } } = { headers: new Headers() };
  withDurables({ parse: true })(holder, { SETTINGS: env.SETTINGS });
  if (holder.SETTINGS === undefined) throw new Error("the SETTINGS binding is missing");
  return holder.SETTINGS.get("settings");
}

/** Without waiting: what was last read. Reads again in the background when that is old. */
export function currentSettings(env: Env): Settings {
  if (Date.now() >= freshUntil) void loadSettings(env);
  if (merged === null || merged.from !== stored || merged.env !== env) {
    merged = { from: stored, env, settings: Object.assign({ ...DEFAULT_SETTINGS }, stored, pinned(env)) };
  }
  return merged.settings;
}

/**
 * Reads the settings where they are older than 60 s. When they can't be read, the last known ones stay in force.
 * Everybody reads for themselves: waiting for another request's reading would never end if that request is given up.
 */
export async function loadSettings(env: Env): Promise<void> {
  if (Date.now() < freshUntil) return;
  if (version > 0) freshUntil = Date.now() + PAUSE_MS;
  const begun = version;
  try {
    const read = await remote(env).read();
    // A change that came back meanwhile is newer than what was read.
    if (version === begun) keep(read);
  } catch (error) {
    freshUntil = Date.now() + PAUSE_MS;
    count("settings_failures");
    log("error", "settings_unreadable", errorFields(error));
  }
}

export async function changeSettings(env: Env, patch: SettingsPatch): Promise<void> {
  keep(await remote(env).change(patch));
}

function keep(settings: SettingsPatch): void {
  stored = settings;
  version += 1;
  freshUntil = Date.now() + CACHE_MS;
}

export function viewSettings(env: Env): SettingsView {
  const pins = pinned(env);
  const settings = currentSettings(env);
  return Object.fromEntries(SETTING_NAMES.map((name) => {
    const source = name in pins ? "environment" : name in stored ? "stored" : "default";
    return [name, { value: settings[name], source }];
  })) as SettingsView;
}

/** The names that a patch may not change here. */
export function pinned(env: Env): SettingsPatch {
  return pinnedSettings(env as unknown as Record<string, unknown>);
}
