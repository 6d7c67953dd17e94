// Types of lock.mjs, for the TypeScript that shares it.

/** The start time that a line of /proc/PID/stat holds, "" for a process that has ended. */
export function startIn(stat: string): string;
/** Start time of a process in clock ticks, "" where /proc is absent or the process is gone. */
export function startTime(pid: number): string;
/** Whether the process that `startTime` was noted for still runs. */
export function isAlive(pid: number, started: string): boolean;
/** Takes the lock file, or answers null at once when a living process has it; the function gives it back. */
export function takeLock(file: string): (() => void) | null;
/**
 * Runs `work(share)` while holding the lock file; calls `waiting(pid)` once if somebody else has it.
 * `share(pid)` makes a child a holder too, so that one that outlives a killed parent keeps the lock.
 */
export function withLock<T>(
  file: string, waiting: (pid: number) => void, work: (share: (pid: number) => void) => Promise<T>,
): Promise<T>;
