// The shape of a voice message: how loud each stretch of it is, and as a drawing. Pure but for the drawing.

const SVG = "http://www.w3.org/2000/svg";
/** Stretches of a message that is recorded or sent here. */
export const STRETCHES = 64;
/** Height of the drawing; what is silent still shows as a dot. */
const HEIGHT = 32;
const LEAST = 3;

/** 0 to 255 for each stretch of equal length, the loudest 255. */
export function waveformOf(samples: Float32Array, stretches = STRETCHES): number[] {
  const loud = Array.from({ length: stretches }, (_, i) => {
    const [from, to] = [Math.floor((i * samples.length) / stretches), Math.floor(((i + 1) * samples.length) / stretches)];
    let sum = 0;
    for (let at = from; at < to; at++) sum += (samples[at] as number) ** 2;
    return to > from ? Math.sqrt(sum / (to - from)) : 0;
  });
  const most = Math.max(...loud);
  // Noise below this is silence, not something to make loud.
  return loud.map((one) => Math.round((255 * one) / Math.max(most, 0.01)));
}

/** Bars beside one another, filling what they are put in. */
export function waveformView(waveform: readonly number[]): SVGSVGElement {
  const bars = waveform.length === 0 ? Array.from({ length: STRETCHES }, () => 0) : waveform;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${bars.length * 4} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", bars.map((loud, i) => bar(i * 4 + 2, Math.max(LEAST, (loud / 255) * HEIGHT))).join(""));
  svg.append(path);
  return svg;
}

function bar(x: number, height: number): string {
  return `M${x} ${((HEIGHT - height) / 2).toFixed(1)}v${height.toFixed(1)}`;
}
