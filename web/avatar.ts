// A round sign for a person or group: initials on a colour of their own.
import { element } from "./element.ts";

const HUES = 8;

/** The same for a name everywhere and always, 0 … 7; style.css has the colours. */
export function hueOf(name: string): number {
  let hash = 7;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return hash % HUES;
}

export function avatar(name: string, className = ""): HTMLElement {
  return element("span", { class: `avatar hue-${hueOf(name)} ${className}`.trimEnd(), "aria-hidden": "true" }, initialsOf(name));
}

function initialsOf(name: string): string {
  const words = name.split(/[\s._@:|+-]+/).filter((word) => word !== "");
  const letters = words.slice(0, 2).map((word) => String.fromCodePoint(word.codePointAt(0) ?? 63));
  return letters.join("").toLocaleUpperCase();
}
