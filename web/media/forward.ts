// Sending a message on: a list of conversations to choose from.
import type { ConfabClient, Message } from "../../client/client.ts";
import { avatar } from "../avatar.ts";
import { openDialog } from "../dialog.ts";
import { element } from "../element.ts";
import { hashOf, placeOf, targetOf, titleOf } from "../place.ts";

export function openForward(client: ConfabClient, message: Message): void {
  const view = openDialog("Forward to");
  const rows = client.conversations().filter(({ archived }) => !archived);
  const choices = rows.map((row) => {
    const place = placeOf(row);
    const title = titleOf(row, place, client.user_id);
    const made = element("button", { type: "button", class: "forward-to" }, avatar(title, row.kind === "group" ? "small of-group" : "small"), element("span", { dir: "auto" }, title));
    made.addEventListener("click", () => {
      client.forward(targetOf(place), message);
      view.close();
      location.hash = hashOf(place);
    });
    return element("li", {}, made);
  });
  view.body.append(rows.length === 0 ? element("p", { class: "hint" }, "There is no conversation yet to send it to.") : element("ul", { class: "forwards" }, ...choices));
  view.body.querySelector("button")?.focus();
}
