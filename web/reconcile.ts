// Brings a parent's children to a wanted order with as few moves as possible; what stays in place keeps its focus.

export function reconcile(parent: Element, wanted: readonly Element[]): void {
  const keep = new Set(wanted);
  for (const child of Array.from(parent.children).filter((one) => !keep.has(one))) child.remove();
  const focused = document.activeElement;
  let at = parent.firstElementChild;
  for (const element of wanted) {
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  // A moved element loses the focus.
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
