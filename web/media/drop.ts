// Files dragged over the conversation, and pasted while writing.

/** The result takes nothing off: it goes with its elements. */
export function onDroppedFiles(target: HTMLElement, dropped: (files: File[]) => void): void {
  let depth = 0;
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
  const show = (): void => void target.classList.toggle("dropping", depth > 0);
  target.addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth++;
    show();
  });
  target.addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show();
  });
  target.addEventListener("dragover", (event) => {
    // Otherwise the browser would open the file in place of the page.
    if (holdsFiles(event)) event.preventDefault();
  });
  target.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    dropped([...(event.dataTransfer?.files ?? [])]);
  });
}

export function onPastedFiles(field: HTMLElement, pasted: (files: File[]) => void): void {
  field.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData ?? {};
    // Copied text of an office program brings a picture of itself along: the text is what is meant.
    if (files === undefined || files.length === 0 || types?.includes("text/plain") === true) return;
    event.preventDefault();
    pasted([...files]);
  });
}
