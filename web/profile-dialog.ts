// How others see and find this user.
import type { ConfabClient } from "../client/client.ts";
import { field, openDialog } from "./dialog.ts";
import { element } from "./element.ts";
import { formOf, submitButton } from "./forms.ts";

export async function openProfile(client: ConfabClient): Promise<void> {
  const me = client.user_id ?? "";
  const view = openDialog("Your profile");
  const name = field("profile-name", "Name that others see", null);
  const handle = field("profile-handle", "Handle", "Others find you by it: @ and 3 to 32 of a–z, 0–9 and . _ -");
  const hide = element("input", { id: "profile-hide", type: "checkbox" });
  const form = formOf(view, [
    name.row, handle.row,
    element("div", { class: "choice" }, hide, element("label", { for: "profile-hide" }, "Nobody sees when I was last here")),
    submitButton("Save", "primary"),
  ], async () => {
    await client.people.change({ name: name.input.value.trim() || null, handle: handle.input.value.trim().replace(/^@/, "") || null, hide_last_seen: hide.checked });
    view.close();
    return null;
  });
  view.body.append(element("p", { class: "hint" }, `You are signed in as ${me}.`), form);
  const profile = await client.people.own().catch(() => null);
  if (profile === null) return;
  name.input.value = profile.name ?? "";
  handle.input.value = profile.handle ?? "";
  hide.checked = profile.hide_last_seen;
}
