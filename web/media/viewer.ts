// A picture as large as the window allows, over everything; Escape, the cross and a click beside it close it.
import { INLINE_TYPES } from "../../client/client.ts";
import { openDialog } from "../dialog.ts";
import { element, iconButton } from "../element.ts";
import { icon } from "../icons.ts";
import { type MediaSubject, missingView, smallView } from "./body.ts";
import { saveFile } from "./sources.ts";

export async function openViewer({ media, file, label }: MediaSubject): Promise<void> {
  const view = openDialog(label);
  const { width = 1_600, height = 1_200 } = media;
  const stage = element("div", { class: "stage" }, ...smallView(media));
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.maxWidth = `min(100%, ${width}px, calc((100dvh - 120px) * ${width / height}))`;
  const problem = element("p", { class: "problem", role: "alert" });
  view.dialog.classList.add("viewer");
  const save = iconButton("Download", icon("download"), "", () => {
    file.url().then((url) => saveFile(url, media.name ?? label, INLINE_TYPES.has(media.content_type ?? "")), (error: unknown) => problem.replaceChildren(missingView(error, label)));
  });
  view.dialog.querySelector(".dialog-head .icon-button")?.before(save);
  view.body.replaceChildren(stage, problem);
  view.body.addEventListener("click", ({ target }) => {
    if (target === view.body) view.close();
  });
  try {
    const image = element("img", { alt: label, class: "whole" });
    image.src = await file.url();
    image.addEventListener("load", () => stage.classList.add("loaded"));
    stage.append(image);
  } catch (error) {
    problem.replaceChildren(missingView(error, label));
  }
}
