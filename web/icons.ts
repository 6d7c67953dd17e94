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
  delivered: "M1.5 12.5l4.5 4.5L15.5 7.5M10.5 15.5l1.5 1.5L21.5 7.5",
  read: "M1.5 12.5l4.5 4.5L15.5 7.5M10.5 15.5l1.5 1.5L21.5 7.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5L20.5 20.5",
  more: "M5.5 12v.01M12 12v.01M18.5 12v.01",
  reply: "M9 7L4 12l5 5M4 12h9c4 0 7 2 7 6",
  edit: "M4 20l1-4L16 5l3 3L8 19ZM14 7l3 3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c0-3.8 3.2-6.5 7.5-6.5s7.5 2.7 7.5 6.5",
  info: "M12 11v5.5M12 7.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  flag: "M6 21V4h11l-2 4 2 4H6",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15ZM10 20.5h4",
  muted: "M6 16V11a6 6 0 0 1 9-5.2M18 11v5l1.5 2h-13M10 20.5h4M4 4l16 16",
  archive: "M4 4h16v5H4ZM5.5 9v11h13V9M10 13h4",
  block: "M5.6 5.6l12.8 12.8M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  copy: "M9 9h11v11H9ZM5 15H4V4h11v1",
  failed: "M12 7.5v5.5M12 16.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  attach: "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1l8.6-8.6a3.4 3.4 0 0 1 4.8 4.8l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4l7.8-7.8",
  microphone: "M12 15a3.5 3.5 0 0 0 3.5-3.5v-5a3.5 3.5 0 0 0-7 0v5A3.5 3.5 0 0 0 12 15ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  stop: "M7 7h10v10H7Z",
  play: "M8 5.5v13l10.5-6.5Z",
  pause: "M8.5 6v12M15.5 6v12",
  document: "M6 3h8l4 4v14H6ZM14 3v4h4M9.5 12.5h5M9.5 16h5",
  image: "M4 5h16v14H4ZM4 16l4.5-5 4 4 2.5-2.5 5 4.5M15.5 9v.01",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  forward: "M15 7l5 5-5 5M20 12h-9c-4 0-7 2-7 6",
  close: "M6 6l12 12M18 6L6 18",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
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
