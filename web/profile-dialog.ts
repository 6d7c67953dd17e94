// How others see and find this user.
import type { ConfabClient, Profile } from "../client/client.ts";
import { type DialogView, field, openDialog } from "./dialog.ts";
import { element } from "./element.ts";
import { errorText } from "./error-text.ts";
import { formOf, submitButton } from "./forms.ts";

export async function openProfile(client: ConfabClient): Promise<void> {
  const view = openDialog("Your profile");
  view.body.append(element("p", { class: "hint" }, "Asking…"));
  // The fields come with what stands there: an answer that came later would undo what was typed meanwhile.
  try {
    view.body.replaceChildren(element("p", { class: "hint" }, `You are signed in as ${client.user_id ?? ""}.`), formFor(client, view, await client.people.own()));
  } catch (error) {
    view.body.replaceChildren(element("p", { class: "problem", role: "alert" }, errorText(error)));
  }
}

function formFor(client: ConfabClient, view: DialogView, profile: Profile): HTMLFormElement {
  const name = field("profile-name", "Name that others see", null);
  const handle = field("profile-handle", "Handle", "Others find you by it: @ and 3 to 32 of a–z, 0–9 and . _ -");
  const hide = element("input", { id: "profile-hide", type: "checkbox", checked: profile.hide_last_seen });
  name.input.value = profile.name ?? "";
  handle.input.value = profile.handle ?? "";
  return formOf(view, [
    name.row, handle.row,
    element("div", { class: "choice" }, hide, element("label", { for: "profile-hide" }, "Nobody sees when I was last here")),
    submitButton("Save", "primary"),
  ], async () => {
    await client.people.change({ name: name.input.value.trim() || null, handle: handle.input.value.trim().replace(/^@/, "") || null, hide_last_seen: hide.checked });
    view.close();
    return null;
  });
}
