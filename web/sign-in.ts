// The first view: a name in development, a token elsewhere.
import { ConfabError } from "../client/client.ts";
import { element } from "./element.ts";
import { errorText } from "./error-text.ts";
import { logo } from "./icons.ts";
import { type Session, signInByName, signInByToken } from "./session.ts";

const NAME_RULE = "Letters, digits and . _ - @ + only, without spaces.";

/**
 * @param reason why somebody is here again, or null
 * @param byToken there is no development issuer: ask for a token at once
 */
export function signInView(reason: string | null, byToken: boolean, signedIn: (session: Session) => void): HTMLElement {
  const card = element("main", { class: "card" });
  const view = element("div", { class: "sign-in" }, card);
  const show = (withToken: boolean, note: string | null): void => {
    const form = withToken ? tokenForm(signedIn) : nameForm(signedIn, () => show(true, null));
    card.replaceChildren(
      element("div", { class: "card-brand" }, logo(), element("h1", {}, "Confab")),
      element("p", { class: "card-lead" }, "Every message in order, kept, and never lost."),
      note === null ? "" : element("p", { class: "note", role: "status" }, note),
      form,
    );
    queueMicrotask(() => form.querySelector<HTMLElement>("input, textarea")?.focus());
  };
  show(byToken, reason);
  return view;
}

function nameForm(signedIn: (session: Session) => void, noIssuer: () => void): HTMLFormElement {
  const field = element("input", { id: "name", name: "name", type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: "128", required: true, "aria-describedby": "name-rule", dir: "auto" });
  return form("name", "Your name", field, element("p", { class: "hint", id: "name-rule" }, NAME_RULE), async (name) => {
    if (!/^[A-Za-z0-9._:@|+-]{1,128}$/.test(name)) return `This name can’t be used. ${NAME_RULE}`;
    try {
      signedIn(await signInByName(name));
      return null;
    } catch (error) {
      if (!(error instanceof ConfabError) || error.code !== "not_found") return error instanceof ConfabError ? errorText(error) : "The server can’t be reached.";
      noIssuer();
      return null;
    }
  });
}

function tokenForm(signedIn: (session: Session) => void): HTMLFormElement {
  const field = element("textarea", { id: "token", name: "token", rows: "4", required: true, spellcheck: "false", autocomplete: "off", "aria-describedby": "token-rule" });
  const rule = element("p", { class: "hint", id: "token-rule" }, "A token from your identity provider. It stays in this window’s memory and is gone after a reload.");
  return form("token", "Access token", field, rule, async (token) => {
    const session = signInByToken(token);
    if (session === null) return "This is no token that says whom it is for.";
    signedIn(session);
    return null;
  });
}

/** @param submit answers what is wrong with the text, or null */
function form(id: string, label: string, field: HTMLInputElement | HTMLTextAreaElement, hint: HTMLElement, submit: (text: string) => Promise<string | null>): HTMLFormElement {
  const problem = element("p", { class: "problem", role: "alert" });
  const send = element("button", { type: "submit", class: "primary" }, "Continue");
  const made = element("form", { class: "stack", novalidate: true }, element("label", { for: id }, label), field, hint, problem, send);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    send.disabled = true;
    void submit(field.value.trim()).then((wrong) => {
      send.disabled = false;
      problem.textContent = wrong ?? "";
      if (wrong === null) return;
      field.setAttribute("aria-invalid", "true");
      field.focus();
    });
  });
  return made;
}
