// What one can do with a conversation: mute it, archive it, block the other person.
import type { ConfabClient, ConversationRow } from "../client/client.ts";
import { openDialog } from "./dialog.ts";
import { button, element } from "./element.ts";
import { errorText } from "./error-text.ts";
import type { MenuItem } from "./menu.ts";

/** @param peer the other person; null for a group */
export function conversationItems(client: ConfabClient, row: ConversationRow | undefined, peer: string | null, warn: (error: unknown) => void): MenuItem[] {
  const told = (act: Promise<void>): void => void act.catch(warn);
  const own: MenuItem[] = row === undefined ? [] : [
    { shape: row.muted ? "bell" : "muted", label: row.muted ? "Unmute" : "Mute", act: () => told(client.mute(row.conversation_id, !row.muted)) },
    { shape: "archive", label: row.archived ? "Out of the archive" : "Archive", act: () => told(client.archive(row.conversation_id, !row.archived)) },
  ];
  if (peer === null || peer === client.user_id) return own;
  return [...own, { shape: "block", label: "Block or unblock", danger: true, act: () => void openBlock(client, peer) }];
}

async function openBlock(client: ConfabClient, peer: string): Promise<void> {
  const view = openDialog("Blocking");
  view.body.append(element("p", { class: "hint" }, "Asking…"));
  try {
    const isBlocked = (await client.people.blocked()).includes(peer);
    const problem = element("p", { class: "problem", role: "alert" });
    const act = (): void => void client.people.block(peer, !isBlocked).then(() => view.close(), (error: unknown) => (problem.textContent = errorText(error)));
    view.body.replaceChildren(
      element("p", {}, isBlocked ? `You have blocked ${peer}.` : `${peer} could no longer write to you here, nor see whether you are there. Nobody tells them.`),
      problem,
      element("div", { class: "dialog-actions" }, button("Cancel", "quiet", () => view.close()), button(isBlocked ? "Unblock" : "Block", isBlocked ? "primary" : "primary danger", act)),
    );
  } catch (error) {
    view.body.replaceChildren(element("p", { class: "problem", role: "alert" }, errorText(error)));
  }
}
