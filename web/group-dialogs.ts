// Making a group, and looking after one: its name, its members, leaving.
import type { ConfabClient, ConversationDetail } from "../client/client.ts";
import { avatar } from "./avatar.ts";
import { type DialogView, field, openDialog } from "./dialog.ts";
import { button, element, named } from "./element.ts";
import { errorText } from "./error-text.ts";
import { hashOf } from "./place.ts";

export function openNewGroup(client: ConfabClient): void {
  const view = openDialog("New group");
  const title = field("group-title", "Name of the group", null);
  const members = field("group-members", "Members", "Names with spaces or commas between. You are a member already.");
  const form = formOf(view, [title.row, members.row, submitButton("Create group", "primary")], async () => {
    const names = namesIn(members.input.value);
    if (title.input.value.trim() === "") return "The group needs a name.";
    const { conversation_id } = await client.createGroup(title.input.value.trim(), names);
    view.close();
    location.hash = hashOf({ kind: "group", conversation_id });
    return null;
  });
  view.body.append(form);
  title.input.focus();
}

export async function openDetails(client: ConfabClient, conversation_id: string, title: string): Promise<void> {
  const view = openDialog(title);
  view.body.append(element("p", { class: "hint" }, "Reading the members…"));
  const show = async (): Promise<void> => {
    try {
      fill(client, view, await client.describe(conversation_id), show);
    } catch (error) {
      view.body.replaceChildren(element("p", { class: "problem", role: "alert" }, errorText(error)));
    }
  };
  await show();
}

function fill(client: ConfabClient, view: DialogView, detail: ConversationDetail, again: () => Promise<void>): void {
  const me = client.user_id ?? "";
  const { conversation_id, members, title } = detail;
  const manages = members.some(({ user_id, role }) => user_id === me && role !== "member");
  const problem = element("p", { class: "problem", role: "alert" });
  const change = (act: () => Promise<void>): void => {
    act().then(again).catch((error: unknown) => (problem.textContent = errorText(error)));
  };
  const list = element("ul", { class: "members" }, ...members.map(({ user_id, role }) =>
    element("li", {},
      avatar(user_id, "small"),
      element("span", {}, named(user_id), user_id === me ? " (you)" : ""),
      element("span", { class: "hint" }, role === "member" ? "" : role),
      manages && user_id !== me && role !== "owner" ? removeButton(user_id, () => change(() => client.removeMember(conversation_id, user_id))) : null,
    )));
  const count = element("h3", {}, members.length === 1 ? "1 member" : `${members.length} members`);
  const leave = button("Leave the group", "quiet danger", () => {
    client.removeMember(conversation_id, me).then(() => {
      view.close();
      location.hash = "";
    }).catch((error: unknown) => (problem.textContent = errorText(error)));
  });
  view.body.replaceChildren(...(manages ? manageForms(client, view, detail, again) : [element("p", { dir: "auto" }, title ?? "")]), count, list, problem, leave);
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

/** @param submit answers what is wrong, or null; what it throws is shown */
function formOf(view: DialogView, rows: readonly HTMLElement[], submit: () => Promise<string | null>): HTMLFormElement {
  const problem = element("p", { class: "problem", role: "alert" });
  const form = element("form", { class: "stack", novalidate: true }, ...rows, problem);
  const send = form.querySelector("button") as HTMLButtonElement;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send.disabled = true;
    submit()
      .catch((error: unknown) => errorText(error))
      .then((wrong) => {
        if (view.dialog.isConnected) problem.textContent = wrong ?? "";
      })
      .finally(() => (send.disabled = false))
      .catch((error: unknown) => reportError(error));
  });
  return form;
}

function submitButton(label: string, className: string): HTMLButtonElement {
  return element("button", { type: "submit", class: className }, label);
}

function beside(input: HTMLInputElement, send: HTMLButtonElement): void {
  const row = element("div", { class: "joined" });
  input.replaceWith(row);
  row.append(input, send);
}

function namesIn(text: string): string[] {
  return text.split(/[\s,;]+/).filter((name) => name !== "");
}
