// What a child prints: all of it to its log file, errors also to the terminal, shortly.
import type { LogFile } from "./log-file.ts";

const SHORT_CHARS = 200;
/** Errors shown on the terminal in one second; a storm of them belongs in the file. */
const SHOWN_PER_SECOND = 5;
const SECOND_MS = 1_000;

export type LineLevel = "debug" | "info" | "warn" | "error";

export class LineLog {
  readonly #name: string;
  readonly #file: LogFile;
  readonly #show: (line: string) => void;
  #second = 0;
  #shown = 0;
  #leftOut = 0;

  /** `name` is the child's, for the terminal. */
  constructor(name: string, file: LogFile, show: (line: string) => void = (line) => console.error(line)) {
    this.#name = name;
    this.#file = file;
    this.#show = show;
  }

  /** Lines that are JSON already (log/log.ts) are kept as they are and bring their own level. */
  write(text: string, level: LineLevel): void {
    const parsed = parseLine(text);
    if (parsed === null) {
      this.#file.write(JSON.stringify({ at: new Date().toISOString(), level, event: "output", message: text }));
      if (level === "error") this.#toTerminal(text);
      return;
    }
    this.#file.write(text);
    if (parsed["level"] === "error") {
      this.#toTerminal([parsed["event"], parsed["error"] ?? parsed["message"]].filter((part) => typeof part === "string").join(": "));
    }
  }

  flush(): void {
    this.#file.flush();
  }

  #toTerminal(message: string): void {
    const second = Math.floor(Date.now() / SECOND_MS);
    if (second !== this.#second) {
      if (this.#leftOut > 0) this.#show(`${this.#name}: ${this.#leftOut} more errors, see logs/${this.#name}.log`);
      this.#second = second;
      this.#shown = 0;
      this.#leftOut = 0;
    }
    this.#shown += 1;
    if (this.#shown > SHOWN_PER_SECOND) this.#leftOut += 1;
    else this.#show(`${this.#name}: ${oneLine(message)}`);
  }
}

function parseLine(text: string): Record<string, unknown> | null {
  if (!text.startsWith("{")) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function oneLine(message: string): string {
  const line = message.replace(/\s+/g, " ").trim();
  return line.length > SHORT_CHARS ? `${line.slice(0, SHORT_CHARS)}…` : line;
}
