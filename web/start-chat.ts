// Opening a direct conversation by a person's name.
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { hashOf } from "./place.ts";

export function startChatForm(newGroup: () => void): HTMLElement {
  const field = element("input", { id: "chat-with", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: "128", dir: "auto", placeholder: "Somebody’s name" });
  const problem = element("p", { class: "problem", role: "alert" });
  const form = element("form", { class: "start-chat", novalidate: true },
    element("label", { for: "chat-with" }, "Chat with"),
    element("div", { class: "joined" }, field, element("button", { type: "submit", class: "quiet" }, "Open")),
    problem,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const peer = field.value.trim();
    const possible = /^[A-Za-z0-9._:@|+-]{1,128}$/.test(peer);
    problem.textContent = possible ? "" : "A name has letters, digits and . _ - @ + only.";
    if (!possible) {
      field.focus();
      return;
    }
    field.value = "";
    location.hash = hashOf({ kind: "direct", peer });
  });
  const group = element("button", { type: "button", class: "quiet wide" }, icon("group"), "New group");
  group.addEventListener("click", newGroup);
  return element("div", { class: "start" }, form, group);
}
