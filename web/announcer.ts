// Reads new messages of the open conversation to screen readers; the list itself stays quiet while it is filled.
import { element } from "./element.ts";

/** Enough to be told apart; a screen reader reads only what was added. */
const KEPT = 5;

export class Announcer {
  readonly element = element("div", { class: "spoken", "aria-live": "polite" });

  say(who: string, text: string): void {
    this.element.append(element("p", {}, `${who}: ${text.slice(0, 300)}`));
    while (this.element.childElementCount > KEPT) this.element.firstElementChild?.remove();
  }
}
