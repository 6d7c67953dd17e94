// A flame graph as SVG: a frame is as wide as the time that it and all it called took; what called it lies below.

/** Samples by stack, the outermost frame first, with semicolons between. */
export type Stacks = ReadonlyMap<string, number>;

interface Frame {
  samples: number;
  inner: Map<string, Frame>;
}

const WIDTH = 1_200;
const ROW = 17;
const LETTER = 6.6;
/** Half of a percent: what is narrower is not drawn, nor what it called. */
const NARROWEST = 6;
const MARGIN = 10;
const FONT = 11;

export function flameGraph(stacks: Stacks): string {
  const root = treeOf(stacks);
  const depth = depthOf(root, root.samples);
  const height = (depth + 1) * ROW + 2 * MARGIN;
  const shapes: string[] = [];
  draw(root, "all", 0, 0, root.samples, height, shapes);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-monospace, monospace" font-size="${FONT}">`,
    `<rect width="100%" height="100%" fill="#fff"/>`, ...shapes, "</svg>", "",
  ].join("\n");
}

function treeOf(stacks: Stacks): Frame {
  const root: Frame = { samples: 0, inner: new Map() };
  for (const [stack, samples] of stacks) {
    root.samples += samples;
    let at = root;
    for (const name of stack.split(";")) {
      const next: Frame = at.inner.get(name) ?? { samples: 0, inner: new Map() };
      next.samples += samples;
      at.inner.set(name, next);
      at = next;
    }
  }
  return root;
}

function widthOf(frame: Frame, all: number): number {
  return (frame.samples / all) * (WIDTH - 2 * MARGIN);
}

function depthOf(frame: Frame, all: number): number {
  const drawn = [...frame.inner.values()].filter((inner) => widthOf(inner, all) >= NARROWEST);
  return 1 + Math.max(0, ...drawn.map((inner) => depthOf(inner, all)));
}

function draw(frame: Frame, name: string, left: number, row: number, all: number, height: number, shapes: string[]): void {
  const width = widthOf(frame, all);
  if (width < NARROWEST) return;
  const [x, y] = [MARGIN + left, height - MARGIN - (row + 1) * ROW];
  const letters = Math.floor(width / LETTER) - 1;
  const shown = letters < 3 ? "" : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  shapes.push(
    `<g><title>${escaped(name)}: ${((frame.samples / all) * 100).toFixed(1)}%</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colorOf(name)}" rx="1"/>`
    + `${shown === "" ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + ROW - 5}">${escaped(shown)}</text>`}</g>`,
  );
  let at = left;
  for (const [innerName, inner] of [...frame.inner].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    draw(inner, innerName, at, row + 1, all, height, shapes);
    at += widthOf(inner, all);
  }
}

/** The same name has the same color everywhere. */
function colorOf(name: string): string {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 1_009;
  return `hsl(${20 + (hash % 35)} 85% ${62 + (hash % 17)}%)`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
