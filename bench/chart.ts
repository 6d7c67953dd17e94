// Charts as SVG, for docs and reports: what is drawn is an option of ECharts, how it looks is the same everywhere.
import { BarChart, type BarSeriesOption, LineChart, type LineSeriesOption } from "echarts/charts";
import { GridComponent, type GridComponentOption, LegendComponent, type LegendComponentOption, MarkAreaComponent, type MarkAreaComponentOption, MarkLineComponent, TitleComponent, type TitleComponentOption } from "echarts/components";
import { type ComposeOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

export type Chart = ComposeOption<BarSeriesOption | LineSeriesOption | GridComponentOption | LegendComponentOption | MarkAreaComponentOption | TitleComponentOption>;

const COLORS = ["#2563eb", "#f97316", "#16a34a", "#9333ea", "#64748b", "#dc2626"];

/** Sizes in pixels. */
export function chartSvg(chart: Chart, { width, height }: { width: number; height: number }): string {
  const drawn = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    drawn.setOption({ animation: false, backgroundColor: "#fff", color: COLORS, textStyle: { fontFamily: "system-ui, sans-serif" }, ...chart });
    return `${drawn.renderToSVGString()}\n`;
  } finally {
    drawn.dispose();
  }
}
