// Inviting to a group by a link, and joining by one.
import type { ConfabClient } from "../client/client.ts";
import { openDialog } from "./dialog.ts";
import { button, element } from "./element.ts";
import { errorText } from "./error-text.ts";
import { hashOf } from "./place.ts";
import { wholeTime } from "./times.ts";

const JOIN = /^#\/join\/([A-Za-z0-9._~-]+)$/;

/** The invitation in an address; null for none. */
export function invitationIn(hash: string): string | null {
  return JOIN.exec(hash)?.[1] ?? null;
}

/** @param failed told what went wrong */
export function invitesView(client: ConfabClient, conversation_id: string, failed: (error: unknown) => void): HTMLElement {
  const list = element("ul", { class: "invites" });
  const link = element("input", { type: "text", readonly: true, "aria-label": "Invitation link", hidden: true });
  link.addEventListener("focus", () => link.select());
  const show = async (): Promise<void> => {
    const invites = await client.groups.invites(conversation_id);
    list.replaceChildren(...invites.map(({ invite_id, expires_at, uses_left }) => element("li", {},
      element("span", { class: "hint" }, `${uses_left === 1 ? "For one more person" : `For ${uses_left} people`}, until ${wholeTime(expires_at)}`),
      button("Withdraw", "link", () => void client.groups.withdraw(conversation_id, invite_id).then(show).catch(failed)))));
  };
  const make = button("New invitation link", "quiet", () => {
    client.groups.invite(conversation_id).then(async ({ token }) => {
      link.hidden = false;
      link.value = `${location.origin}/#/join/${token}`;
      link.focus();
      await show();
    }).catch(failed);
  });
  show().catch(failed);
  return element("section", { class: "stack", "aria-label": "Invitations" }, element("h3", {}, "Invitations"),
    element("p", { class: "hint" }, "Whoever has the link can join. It is shown this once."), make, link, list);
}

/** Somebody came by a link: whether to join is theirs to say. */
export function openInvitation(client: ConfabClient, token: string): void {
  const view = openDialog("Join the group?");
  const problem = element("p", { class: "problem", role: "alert" });
  const join = button("Join", "primary", () => {
    join.disabled = true;
    client.groups.join(token).then(({ conversation_id }) => {
      view.close();
      location.hash = hashOf({ kind: "group", conversation_id });
    }, (error: unknown) => {
      join.disabled = false;
      problem.textContent = errorText(error);
    });
  });
  view.body.append(
    element("p", {}, "You were invited to a group by a link. Its members will see that you joined."), problem,
    element("div", { class: "dialog-actions" }, button("Not now", "quiet", () => view.close()), join),
  );
}
