// What one writes with beside text: choosing files, dropping and pasting them, recording a voice message.
import { element, iconButton } from "../element.ts";
import { icon } from "../icons.ts";
import { type Attachment, Attachments } from "./attachments.ts";
import { NoRecording, Recorder } from "./recorder.ts";
import { lengthWords } from "./words.ts";

export interface AttachActions {
  /** Something was added or taken out. */
  changed(): void;
  problem(text: string): void;
  /** Writing and sending stand back while it is recorded. */
  recording(on: boolean): void;
}

export class AttachBar {
  readonly chooser: HTMLElement;
  readonly microphone: HTMLElement;
  /** Files that wait to be sent. */
  readonly tray: HTMLElement;
  /** In place of the field while it is recorded. */
  readonly recording = element("div", { class: "recording", hidden: true });
  readonly #attachments: Attachments;
  readonly #actions: AttachActions;
  readonly #time = element("span", { class: "recording-time", role: "timer", "aria-label": "Length of the recording" });
  readonly #stop: HTMLButtonElement;
  #recorder: Recorder | null = null;
  #starting = false;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #destroyed = false;

  constructor(conversation_id: string, actions: AttachActions) {
    this.#actions = actions;
    this.#attachments = new Attachments(conversation_id, () => actions.changed());
    this.tray = this.#attachments.element;
    const input = element("input", { type: "file", multiple: true, hidden: true, class: "file-input", "aria-label": "Files to send" });
    input.addEventListener("change", () => {
      this.add([...(input.files ?? [])]);
      input.value = "";
    });
    this.chooser = element("span", {}, iconButton("Send files", icon("attach"), "tool", () => input.click()), input);
    this.microphone = iconButton("Record your voice", icon("microphone"), "tool", () => void this.#record());
    this.#stop = iconButton("Stop recording", icon("stop"), "recording-stop", () => void this.#finish());
    this.recording.append(
      iconButton("Discard the recording", icon("trash"), "tool", () => this.#end()),
      element("span", { class: "recording-dot", "aria-hidden": "true" }), element("span", { class: "recording-words" }, "Recording "), this.#time, this.#stop);
    this.recording.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.#end();
    });
  }

  get isEmpty(): boolean {
    return this.#attachments.count === 0;
  }

  add(files: readonly File[]): void {
    if (files.length > 0) this.#actions.problem(this.#attachments.add(files));
  }

  take(): Attachment[] {
    return this.#attachments.take();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#attachments.destroy();
    this.#end();
  }

  async #record(): Promise<void> {
    if (this.#recorder !== null || this.#starting) return;
    this.#starting = true;
    this.#actions.problem("");
    try {
      const recorder = await Recorder.start();
      // Nobody is there any more who could stop it.
      if (this.#destroyed) return recorder.discard();
      this.#recorder = recorder;
      this.recording.hidden = false;
      this.#actions.recording(true);
      this.#tick();
      this.#ticking = setInterval(() => this.#tick(), 250);
      this.#stop.focus();
    } catch (error) {
      if (!(error instanceof NoRecording)) throw error;
      this.#actions.problem(error.message);
    } finally {
      this.#starting = false;
    }
  }

  #tick(): void {
    const words = lengthWords(Math.floor((this.#recorder?.elapsed_ms ?? 0) / 1_000) * 1_000);
    if (this.#time.textContent !== words) this.#time.textContent = words;
  }

  async #finish(): Promise<void> {
    const recorder = this.#recorder;
    if (recorder === null) return;
    this.#recorder = null;
    const file = await recorder.stop();
    this.#end();
    this.add([file]);
  }

  #end(): void {
    clearInterval(this.#ticking);
    this.#recorder?.discard();
    this.#recorder = null;
    if (this.recording.hidden) return;
    this.recording.hidden = true;
    this.#actions.recording(false);
  }
}
