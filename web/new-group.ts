// Making a group.
import type { ConfabClient } from "../client/client.ts";
import { field, openDialog } from "./dialog.ts";
import { formOf, namesIn, submitButton } from "./forms.ts";
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
