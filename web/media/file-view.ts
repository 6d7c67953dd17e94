// Any file that is not shown in the page: its name, size and type, and a way to keep it.
import { element, spoken } from "../element.ts";
import { icon } from "../icons.ts";
import { type MediaBody, type MediaSubject, missingText } from "./body.ts";
import { saveFile } from "./sources.ts";
import { sizeWords } from "./words.ts";

export function fileView({ media, file, label }: MediaSubject): MediaBody {
  const name = media.name ?? label;
  const about = [endingOf(name), media.size === undefined ? "" : sizeWords(media.size)].filter((part) => part !== "").join(" · ");
  const problem = element("p", { class: "file-problem", role: "status" });
  const card = element("button", { type: "button", class: "file" },
    element("span", { class: "file-sign" }, icon("document"), spoken("Download ")),
    element("span", { class: "file-about" }, element("bdi", { class: "file-name" }, name), element("span", { class: "file-size" }, ...(about === "" ? [] : [spoken(", "), about]))),
    icon("download"));
  card.addEventListener("click", () => {
    problem.textContent = "";
    file.url().then((url) => saveFile(url, name, false), (error: unknown) => (problem.textContent = missingText(error, name)));
  });
  return { element: element("div", { class: "file-frame" }, card, problem), shown: () => undefined, destroy: () => undefined };
}

/** `PDF` of `plan.pdf`: what people call a type. */
function endingOf(name: string): string {
  return /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1]?.toUpperCase() ?? "";
}
