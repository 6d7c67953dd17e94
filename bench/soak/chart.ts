// A run as one picture: latencies, what else the machine did, memory, and objects in memory.
import { type Chart, chartSvg } from "../chart.ts";
import { awakeOf, type Sample } from "./samples.ts";

const WIDTH = 960;
const PANEL = { height: 150, gap: 60, top: 70, left: 70, right: 30 };

interface Line {
  name: string;
  of(sample: Sample): number | null;
}

interface Panel {
  title: string;
  logarithmic?: boolean;
  lines: Line[];
}

const PANELS: Panel[] = [
  {
    title: "latency of a window, ms", logarithmic: true,
    lines: [
      { name: "ack p50", of: ({ traffic }) => traffic.ack?.p50 ?? null }, { name: "ack p99", of: ({ traffic }) => traffic.ack?.p99 ?? null },
      { name: "delivery p50", of: ({ traffic }) => traffic.delivery?.p50 ?? null }, { name: "delivery p99", of: ({ traffic }) => traffic.delivery?.p99 ?? null },
    ],
  },
  { title: "cores that others on the machine used", lines: [{ name: "others", of: ({ others_cores }) => others_cores }] },
  {
    title: "resident memory, MB",
    lines: [{ name: "runtime", of: ({ server }) => server?.runtime_rss_mb ?? null }, { name: "archiver", of: ({ server }) => server?.archiver_rss_mb ?? null }],
  },
  {
    title: "objects in memory, and sockets",
    lines: [
      { name: "sockets", of: ({ traffic }) => traffic.sockets }, { name: "objects awake", of: ({ server }) => (server === null ? null : awakeOf(server)) },
    ],
  },
];

export function soakChart(samples: readonly Sample[], title: string): string {
  const minutes = (sample: Sample): number => sample.at_s / 60;
  const last = minutes(samples.at(-1) as Sample);
  const chart: Chart = {
    title: [{ text: title, left: "center", textStyle: { fontSize: 15 } }, ...PANELS.map((panel, i) => ({ text: panel.title, left: PANEL.left, top: topOf(i) - 26, textStyle: { fontSize: 12 } }))],
    legend: PANELS.map((panel, i) => ({ data: panel.lines.map(({ name }) => name), top: topOf(i) - 28, right: PANEL.right })),
    grid: PANELS.map((_, i) => ({ left: PANEL.left, right: PANEL.right, top: topOf(i), height: PANEL.height })),
    xAxis: PANELS.map((_, i) => ({ type: "value" as const, gridIndex: i, max: last, splitLine: { show: false }, axisLabel: { formatter: (value: number) => `${Math.round(value)} min` } })),
    yAxis: PANELS.map((panel, i) => ({ type: panel.logarithmic === true ? ("log" as const) : ("value" as const), gridIndex: i })),
    series: PANELS.flatMap((panel, i) => panel.lines.map((line) => ({
      type: "line" as const, name: line.name, xAxisIndex: i, yAxisIndex: i, showSymbol: false, lineStyle: { width: 1.2 },
      data: samples.flatMap((sample) => {
        const value = line.of(sample);
        return value === null ? [] : [[minutes(sample), value] as [number, number]];
      }),
    }))),
  };
  return chartSvg(chart, { width: WIDTH, height: topOf(PANELS.length) });
}

function topOf(panel: number): number {
  return PANEL.top + panel * (PANEL.height + PANEL.gap);
}
