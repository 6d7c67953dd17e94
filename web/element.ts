// How the page is built: elements with attributes and text. Strings only ever become text nodes.

export type Child = Node | string | null;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Text for screen readers alone. */
export function spoken(text: string): HTMLSpanElement {
  return element("span", { class: "spoken" }, text);
}

/** A person's or conversation's name: its own direction, whatever stands around it. */
export function named(text: string, className = ""): HTMLElement {
  return element("bdi", className === "" ? {} : { class: className }, text);
}

export function button(label: string, className: string, act: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", class: className }, label);
  made.addEventListener("click", act);
  return made;
}

/** A button that shows only an icon. */
export function iconButton(label: string, shape: Node, className: string, act: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", class: `icon-button ${className}`, "aria-label": label, title: label }, shape);
  made.addEventListener("click", act);
  return made;
}
