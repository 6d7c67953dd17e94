// `npm run archiver -- --once`, for cron: archives what waits and ends. Meant in place of archivers that run for ever; beside
// them it does again what they do, which changes nothing.
import type { CommandTools } from "./commands.ts";
import { Archiver, type Summary } from "./loop.ts";
import { ALONE } from "./membership.ts";
import { newMetrics } from "./metrics.ts";

export function summaryLine({ segments, written, present, expired, quarantined, refused, stopped }: Summary): string {
  const line = `archived ${segments} segments: ${written} rows written, ${present} present, ${expired} expired; left: ${quarantined} quarantined, ${refused} refused`;
  return stopped === null ? line : `${line}; not finished: ${stopped}`;
}

/** @returns the exit code: 0 where nothing was left */
export async function archiveOnce({ config, store, bucket, edge, now, signal, print }: CommandTools): Promise<number> {
  const { retentionS, pollMs, pollMaxMs } = config;
  const archiver = new Archiver({ bucket, store, edge, metrics: newMetrics(), sharing: ALONE, retentionS, pollMs, pollMaxMs, now, random: Math.random }, signal);
  const summary = await archiver.once();
  print(summaryLine(summary));
  return summary.stopped === null && summary.quarantined === 0 && summary.refused === 0 ? 0 : 1;
}
