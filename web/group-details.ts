// Looking after a group: its name, its members and what they are, its invitations, leaving.
import type { ConfabClient, ConversationDetail, Role } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { type DialogView, field, openDialog } from "./dialog.ts";
import { button, element, named } from "./element.ts";
import { errorText } from "./error-text.ts";
import { invitesView } from "./group-invites.ts";
import { MembersThere } from "./members-there.ts";
import { beside, formOf, namesIn, submitButton } from "./forms.ts";

type Member = ConversationDetail["members"][number];

const ROLES: Readonly<Record<Role, string>> = { owner: "Owner", admin: "Admin", member: "Member" };

export async function openDetails(client: ConfabClient, conversation_id: string, title: string): Promise<void> {
  const view = openDialog(title);
  view.body.append(element("p", { class: "hint" }, "Reading the members…"));
  const there = new MembersThere(client);
  view.dialog.addEventListener("close", () => there.destroy());
  const show = async (): Promise<void> => {
    try {
      const detail = await client.describe(conversation_id);
      // Closed meanwhile: nobody looks any more.
      if (!view.dialog.open) return;
      there.watch(detail.members.map(({ user_id }) => user_id));
      fill(client, view, detail, there, show);
    } catch (error) {
      view.body.replaceChildren(element("p", { class: "problem", role: "alert" }, errorText(error)));
    }
  };
  await show();
}

function fill(client: ConfabClient, view: DialogView, detail: ConversationDetail, there: MembersThere, again: () => Promise<void>): void {
  const me = client.user_id ?? "";
  const { conversation_id, members, title } = detail;
  const own = members.find(({ user_id }) => user_id === me)?.role ?? "member";
  const manages = own !== "member";
  const problem = element("p", { class: "problem", role: "alert" });
  const failed = (error: unknown): void => void (problem.textContent = errorText(error));
  const change = (act: () => Promise<void>): void => void act().then(again).catch(failed);
  const list = element("ul", { class: "members" }, ...members.map((member) => memberView(member, me, own, there.sign(member.user_id), {
    role: (role) => change(() => client.addMember(conversation_id, member.user_id, role)),
    remove: () => change(() => client.removeMember(conversation_id, member.user_id)),
  })));
  const count = element("h3", {}, members.length === 1 ? "1 member" : `${members.length} members`);
  const leave = button("Leave the group", "quiet danger", () => {
    client.removeMember(conversation_id, me).then(() => {
      view.close();
      location.hash = "";
    }).catch(failed);
  });
  view.body.replaceChildren(
    ...(manages ? manageForms(client, view, detail, again) : [element("p", { dir: "auto" }, title ?? "")]),
    count, list, ...(manages ? [historyField(client, detail, failed), invitesView(client, conversation_id, failed)] : []), problem, leave,
  );
}

function historyField(client: ConfabClient, { conversation_id, history }: ConversationDetail, failed: (error: unknown) => void): HTMLElement {
  const made = element("input", { id: "group-history", type: "checkbox", checked: history === "all" });
  made.addEventListener("change", () => void client.groups.history(conversation_id, made.checked ? "all" : "joined").catch(failed));
  return element("div", { class: "choice" }, made, element("label", { for: "group-history" }, "New members see what was written before"));
}

interface MemberActions {
  role: (role: Role) => void;
  remove: () => void;
}

/** @param own what the reader is there: owners give and take roles, admins remove members */
function memberView({ user_id, role }: Member, me: string, own: Role, sign: HTMLElement, actions: MemberActions): HTMLLIElement {
  const isOther = user_id !== me;
  const removes = isOther && role !== "owner" && (own === "owner" || (own === "admin" && role === "member"));
  return element("li", {},
    avatar(user_id, "small"),
    element("span", {}, named(user_id), isOther ? "" : " (you)"), sign,
    own === "owner" && isOther ? roleField(user_id, role, actions.role) : element("span", { class: "hint" }, role === "member" ? "" : role),
    removes ? removeButton(user_id, actions.remove) : null,
  );
}

function roleField(user_id: string, role: Role, choose: (role: Role) => void): HTMLSelectElement {
  const made = element("select", { "aria-label": `Role of ${user_id}` }, ...(["member", "admin", "owner"] as const).map((one) =>
    element("option", { value: one, selected: one === role }, one === "owner" ? "Owner (hand over)" : ROLES[one])));
  made.addEventListener("change", () => choose(made.value as Role));
  return made;
}

function removeButton(user_id: string, remove: () => void): HTMLButtonElement {
  const made = button("Remove", "link", remove);
  made.setAttribute("aria-label", `Remove ${user_id}`);
  return made;
}

function manageForms(client: ConfabClient, view: DialogView, { conversation_id, title }: ConversationDetail, again: () => Promise<void>): HTMLElement[] {
  const name = field("group-title", "Name of the group", null);
  name.input.value = title ?? "";
  beside(name.input, submitButton("Rename", "quiet"));
  const rename = formOf(view, [name.row], async () => {
    if (name.input.value.trim() === "") return "The group needs a name.";
    await client.rename(conversation_id, name.input.value.trim());
    await again();
    return null;
  });
  const who = field("group-add", "Add members", "Names with spaces or commas between.");
  beside(who.input, submitButton("Add", "quiet"));
  const add = formOf(view, [who.row], async () => {
    for (const user_id of namesIn(who.input.value)) await client.addMember(conversation_id, user_id);
    await again();
    return null;
  });
  return [rename, add];
}
