// The format of .cpuprofile, and what a reader wants of one at a glance.

export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  startTime: number;
  endTime: number;
  samples: number[];
  /** µs since the sample before */
  timeDeltas: number[];
}

const SHOWN = 25;

/** The functions that took the most, by themselves: their share of all time, and that with what they called. */
export function linesOf({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const self = new Map<number, number>();
  for (const [i, id] of samples.entries()) self.set(id, (self.get(id) ?? 0) + (timeDeltas[i] as number));
  const all = timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const functions = new Map<string, { self: number; total: number }>();
  const walk = (id: number, above: ReadonlySet<string>): number => {
    const { callFrame, children = [] } = byId.get(id) as CpuProfile["nodes"][number];
    const name = `${callFrame.functionName || "(anonymous)"}${callFrame.url === "" ? "" : `:${callFrame.lineNumber + 1}`}`;
    const inner = new Set([...above, name]);
    const own = self.get(id) ?? 0;
    const total = children.reduce((sum, child) => sum + walk(child, inner), own);
    const known = functions.get(name) ?? { self: 0, total: 0 };
    // What calls itself is counted once.
    functions.set(name, { self: known.self + own, total: known.total + (above.has(name) ? 0 : total) });
    return total;
  };
  const [root] = nodes;
  if (root !== undefined) walk(root.id, new Set());
  const share = (time: number): string => `${((time / all) * 100).toFixed(1).padStart(5)}%`;
  const top = [...functions].toSorted(([, a], [, b]) => b.self - a.self).slice(0, SHOWN);
  return ["   self   total", ...top.map(([name, { self: own, total }]) => `${share(own)}  ${share(total)}  ${name}`)];
}
