// The page's drawings, as paths in a 24 × 24 box.

const PATHS = {
  back: "M15 5l-7 7 7 7",
  send: "M5 12h13M12 5l7 7-7 7",
  down: "M12 5v14M6 13l6 6 6-6",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.4c2.1.8 3.5 2.7 3.5 5.6",
  details: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  leave: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 16l-4-4 4-4M6 12h9",
  pending: "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  sent: "M5 12.5l4.5 4.5L19 7.5",
  failed: "M12 7.5v5.5M12 16.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  close: "M6 6l12 12M18 6L6 18",
} as const;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: keyof typeof PATHS): SVGSVGElement {
  return drawing(`icon icon-${name}`, "24", [["path", { d: PATHS[name] }]]);
}

/** The mark: a speech bubble with three dots. */
export function logo(): SVGSVGElement {
  const dots = ["10", "16", "22"].map((cx) => ["circle", { class: "logo-dot", cx, cy: "15", r: "2" }] as const);
  const bubble = "M16 3C8.3 3 2 8.4 2 15c0 3.8 2 7.1 5.2 9.3L6 29.5l6.3-3c1.2.3 2.4.5 3.7.5 7.7 0 14-5.4 14-12S23.7 3 16 3Z";
  return drawing("logo", "32", [["path", { d: bubble }], ...dots]);
}

function drawing(className: string, size: string, shapes: readonly (readonly [string, Readonly<Record<string, string>>])[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  return svg;
}
