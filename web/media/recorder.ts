// Recording a voice message with the browser's own recorder, in the first of the types that it knows and the server takes.

/** In this order: small and for speech where there is a choice. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
const BITS_PER_S = 32_000;
/** A recorder gives what it has this often, so that little is held back at the end, ms. */
const SLICE_MS = 1_000;

/** Why there is no recording, in words for the person. */
export class NoRecording extends Error {}

export class Recorder {
  readonly #stream: MediaStream;
  readonly #recorder: MediaRecorder;
  readonly #pieces: Blob[] = [];
  readonly #began = performance.now();

  private constructor(stream: MediaStream, recorder: MediaRecorder) {
    this.#stream = stream;
    this.#recorder = recorder;
    recorder.addEventListener("dataavailable", ({ data }) => this.#pieces.push(data));
    recorder.start(SLICE_MS);
  }

  /** Asks for the microphone. Rejects with NoRecording. */
  static async start(): Promise<Recorder> {
    const mimeType = typeof MediaRecorder === "function" ? TYPES.find((type) => MediaRecorder.isTypeSupported(type)) : undefined;
    if (navigator.mediaDevices === undefined || mimeType === undefined) throw new NoRecording("This browser can’t record here: the page needs https.");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error: unknown) => {
      throw new NoRecording(wordsFor(error));
    });
    return new Recorder(stream, new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_S }));
  }

  get elapsed_ms(): number {
    return performance.now() - this.#began;
  }

  /** What was recorded; the microphone is free again. */
  async stop(): Promise<File> {
    if (this.#recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => this.#recorder.addEventListener("stop", resolve, { once: true }));
      this.#recorder.stop();
      await stopped;
    }
    this.discard();
    const type = this.#recorder.mimeType.split(";")[0] ?? "";
    return new File(this.#pieces, `Recording.${type === "audio/mp4" ? "m4a" : type.slice("audio/".length)}`, { type });
  }

  discard(): void {
    for (const track of this.#stream.getTracks()) track.stop();
  }
}

function wordsFor(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "The microphone is not allowed for this page. You can allow it in the browser’s settings.";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "There is no microphone here.";
  return "The microphone can’t be used: another program may have it.";
}
