// The message list by keyboard: Enter goes in, arrows lead from message to message, Enter opens a message's menu, Escape
// goes back to writing.

export interface KeyActions {
  openMenu(msg_id: string): void;
  reply(msg_id: string): void;
  leave(): void;
}

/** What a screen reader says of the list. */
export const KEYS_HINT = "Enter steps into the messages, arrow keys go from one to the next, Enter opens a menu, R answers, Escape leaves.";

export function onMessageKeys(list: HTMLElement, scroller: HTMLElement, actions: KeyActions): void {
  const messages = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>("[data-msg]")];
  scroller.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = messages();
    if (event.target === scroller) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      show(all.at(-1));
      return;
    }
    const current = (event.target as Element).closest<HTMLElement>("[data-msg]");
    const msg_id = current?.dataset["msg"];
    if (current === null || msg_id === undefined || event.target !== current) return;
    const at = all.indexOf(current);
    const keys: Readonly<Record<string, () => void>> = {
      ArrowUp: () => show(all[at - 1]),
      ArrowDown: () => (at === all.length - 1 ? actions.leave() : show(all[at + 1])),
      Home: () => show(all[0]),
      End: () => show(all.at(-1)),
      Enter: () => actions.openMenu(msg_id),
      " ": () => actions.openMenu(msg_id),
      ContextMenu: () => actions.openMenu(msg_id),
      r: () => actions.reply(msg_id),
      Escape: () => actions.leave(),
    };
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

function show(message: HTMLElement | undefined): void {
  message?.focus({ preventScroll: true });
  message?.scrollIntoView({ block: "nearest" });
}
