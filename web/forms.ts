// Forms in dialogs: one button, and what is wrong said below.
import type { DialogView } from "./dialog.ts";
import { element } from "./element.ts";
import { errorText } from "./error-text.ts";

/** @param submit answers what is wrong, or null; what it throws is shown */
export function formOf(view: DialogView, rows: readonly HTMLElement[], submit: () => Promise<string | null>): HTMLFormElement {
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

export function submitButton(label: string, className: string): HTMLButtonElement {
  return element("button", { type: "submit", class: className }, label);
}

export function beside(input: HTMLInputElement, send: HTMLButtonElement): void {
  const row = element("div", { class: "joined" });
  input.replaceWith(row);
  row.append(input, send);
}

export function namesIn(text: string): string[] {
  return text.split(/[\s,;]+/).filter((name) => name !== "");
}
