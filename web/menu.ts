// A menu beside what opened it: arrow keys lead through it, Escape and a click elsewhere close it, the focus returns.
import { element } from "./element.ts";
import { icon, type IconName } from "./icons.ts";

export interface MenuItem {
  label: string;
  shape: IconName;
  danger?: boolean;
  act: () => void;
}

/** One character each, in a row of their own. */
export interface QuickItem {
  label: string;
  sign: string;
  act: () => void;
}

export function openMenu(label: string, from: HTMLElement, items: readonly MenuItem[], quick: readonly QuickItem[] = []): void {
  const menu = element("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" });
  const entry = (content: readonly (Node | string)[], className: string, act: () => void): HTMLButtonElement => {
    const made = element("button", { type: "button", role: "menuitem", tabindex: "-1", class: className }, ...content);
    made.addEventListener("click", () => {
      menu.hidePopover();
      act();
    });
    return made;
  };
  const quickEntries = quick.map(({ sign, label: name, act }) => {
    const made = entry([sign], "menu-sign", act);
    made.setAttribute("aria-label", name);
    return made;
  });
  const entries = [...quickEntries, ...items.map(({ label: name, shape, danger, act }) => entry([icon(shape), name], danger === true ? "menu-item danger" : "menu-item", act))];
  if (quickEntries.length > 0) menu.append(element("div", { class: "menu-signs", role: "group", "aria-label": "React" }, ...quickEntries));
  menu.append(...entries.slice(quickEntries.length));
  menu.addEventListener("keydown", (event) => {
    const at = entries.indexOf(document.activeElement as HTMLButtonElement);
    const steps: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: entries.length - 1 };
    const to = event.key === "Tab" ? at : steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    entries[(to + entries.length) % entries.length]?.focus();
  });
  menu.addEventListener("toggle", (event) => {
    if (event.newState === "open") return;
    menu.remove();
    if (document.activeElement === document.body && from.isConnected) from.focus({ preventScroll: true });
  });
  (from.closest("main") ?? document.body).append(menu);
  menu.showPopover();
  place(menu, from.getBoundingClientRect());
  entries[0]?.focus({ preventScroll: true });
}

/** Below what opened it, or above where there is more room; within the window. */
function place(menu: HTMLElement, beside: DOMRect): void {
  const { width, height } = menu.getBoundingClientRect();
  const below = beside.bottom + height + 8 <= innerHeight;
  menu.style.top = `${Math.max(8, below ? beside.bottom + 4 : beside.top - height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(beside.right - width, innerWidth - width - 8))}px`;
}
