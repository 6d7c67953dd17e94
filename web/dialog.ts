// A modal dialog with a form: Escape and the cross close it, the focus returns to where it was.
import { element, iconButton } from "./element.ts";
import { icon } from "./icons.ts";

export interface DialogView {
  dialog: HTMLDialogElement;
  body: HTMLElement;
  close(): void;
}

let dialogs = 0;

export function openDialog(title: string): DialogView {
  const id = `dialog-${++dialogs}`;
  const body = element("div", { class: "dialog-body stack" });
  const dialog = element("dialog", { "aria-labelledby": id });
  const close = (): void => dialog.close();
  dialog.append(
    element("header", { class: "dialog-head" }, element("h2", { id, dir: "auto" }, title), iconButton("Close", icon("close"), "", close)),
    body,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body, close };
}

export interface Field {
  row: HTMLElement;
  input: HTMLInputElement;
}

export function field(id: string, label: string, hint: string | null): Field {
  const input = element("input", { id, type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", dir: "auto", ...(hint === null ? {} : { "aria-describedby": `${id}-hint` }) });
  const row = element("div", { class: "stack" },
    element("label", { for: id }, label), input,
    hint === null ? null : element("p", { class: "hint", id: `${id}-hint` }, hint),
  );
  return { row, input };
}
