// CPU time, memory and open files of processes, read from /proc.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Linux counts CPU time for user space in units of 10 ms on every architecture. */
const TICK_MS = 10;

interface Process {
  pid: number;
  parent: number;
  name: string;
  cpu_ms: number;
}

/** null once it has ended, or where there is no /proc. */
function readProcess(pid: number): Process | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The name stands in brackets and may hold anything.
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  return {
    pid,
    parent: Number(fields[1]),
    name: stat.slice(stat.indexOf("(") + 1, end),
    cpu_ms: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
  };
}

/** A process and all that it has started, itself first. */
export function processTree(root: number): Process[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))).filter((found) => found !== null);
  const tree = all.filter((found) => found.pid === root);
  for (const found of tree) tree.push(...all.filter((child) => child.parent === found.pid));
  return tree;
}

export function cpuOf(pid: number): number {
  return readProcess(pid)?.cpu_ms ?? 0;
}

/** Bytes that a process shares with nobody, and its part of what it shares; 0 once it has ended. */
export function memoryOf(pid: number): number {
  try {
    const [, kib] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
    return Number(kib ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

/** Resident memory, MB; 0 once it has ended. */
export function rssOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** What each open descriptor of a process leads to. */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      // Closed since the listing.
      return [];
    }
  });
}

/** CPU time that all processes of the machine have used since it started, ms; 0 where there is no /proc. */
export function machineCpu(): number {
  try {
    const [, user, nice, system, , , irq, softirq] = (readFileSync("/proc/stat", "utf8").split("\n", 1)[0] as string).split(/\s+/).map(Number);
    return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * TICK_MS;
  } catch {
    return 0;
  }
}
