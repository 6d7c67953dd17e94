// What can be done with a message: answered, sent on, reacted to, changed, taken away, reported.
import type { ConfabClient, Message } from "../client/client.ts";
import { openDialog } from "./dialog.ts";
import { button, element, named } from "./element.ts";
import { openForward } from "./media/forward.ts";
import { briefOf } from "./media/words.ts";
import { errorText } from "./error-text.ts";
import { type MenuItem, openMenu } from "./menu.ts";
import { wholeTime } from "./times.ts";

const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🎉"];

export interface MessageActions {
  reply(message: Message): void;
  edit(message: Message): void;
  /** Others' messages can be taken away too: by owners and admins of groups. */
  moderates(): boolean;
}

export function openMessageMenu(client: ConfabClient, message: Message, from: HTMLElement, actions: MessageActions): void {
  const me = client.user_id ?? "";
  const mine = message.sender_id === me;
  const isMine = (emoji: string) => message.reactions?.find((one) => one.emoji === emoji)?.users.includes(me) === true;
  const item = (shape: MenuItem["shape"], label: string, act: () => void, danger = false): MenuItem => ({ shape, label, act, danger });
  openMenu("More actions", from, [
    item("reply", "Answer", () => actions.reply(message)),
    // Elsewhere the page may not write there.
    item("forward", "Forward", () => openForward(client, message)),
    ...(!isSecureContext || message.content === "" ? [] : [item("copy", "Copy the text", () => void navigator.clipboard.writeText(message.content))]),
    ...(mine ? [item("edit", "Edit", () => actions.edit(message)), item("info", "Who has read it", () => void openReceipts(client, message))] : []),
    ...(mine || actions.moderates() ? [item("trash", "Delete for everybody", () => confirmDeletion(client, message), true)] : []),
    ...(mine ? [] : [item("flag", "Report", () => openReport(client, message))]),
  ], REACTIONS.map((sign) => ({ sign, label: isMine(sign) ? `Take back ${sign}` : `React with ${sign}`, act: () => void client.react(message, sign, !isMine(sign)) })));
}

function confirmDeletion(client: ConfabClient, message: Message): void {
  const view = openDialog("Delete the message?");
  view.body.append(
    element("p", { dir: "auto" }, briefOf(message).slice(0, 200)),
    element("p", { class: "hint" }, "It is gone for everybody, and can’t be brought back."),
    element("div", { class: "dialog-actions" },
      button("Keep it", "quiet", () => view.close()),
      button("Delete", "primary danger", () => {
        client.delete(message);
        view.close();
      })),
  );
}

async function openReceipts(client: ConfabClient, message: Message): Promise<void> {
  const view = openDialog("Who has read it");
  view.body.append(element("p", { class: "hint" }, "Asking…"));
  try {
    const receipts = await client.receipts(message);
    const words = { READ: "read", DELIVERED: "delivered", SENT: "not delivered yet" } as const;
    view.body.replaceChildren(element("ul", { class: "members" }, ...receipts.map(({ user_id, status, updated_at }) =>
      element("li", { class: "receipt" }, named(user_id), element("span", { class: "hint" }, status === "SENT" ? words[status] : `${words[status]} ${wholeTime(updated_at)}`)))));
  } catch (error) {
    view.body.replaceChildren(element("p", { class: "problem", role: "alert" }, errorText(error)));
  }
}

function openReport(client: ConfabClient, message: Message): void {
  const view = openDialog("Report this message");
  const reason = element("textarea", { id: "report-reason", rows: "3", dir: "auto" });
  const problem = element("p", { class: "problem", role: "alert" });
  view.body.append(
    element("div", { class: "stack" }, element("label", { for: "report-reason" }, "What is wrong with it?"), reason),
    problem,
    button("Send to the operator", "primary", () => {
      if (reason.value.trim() === "") problem.textContent = "Write a few words.";
      else client.people.report(message, reason.value.trim()).then(() => view.close(), (error: unknown) => (problem.textContent = errorText(error)));
    }),
  );
  reason.focus();
}
