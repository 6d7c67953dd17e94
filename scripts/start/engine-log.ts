// Miniflare's own messages, which go to the edge's log. Only here it says that the runtime died.
import { Log, LogLevel } from "miniflare";
import type { LineLog } from "./line-log.ts";

export class EngineLog extends Log {
  readonly #lines: LineLog;
  readonly #onCrash: () => void;

  constructor(lines: LineLog, onCrash: () => void) {
    super(LogLevel.WARN);
    this.#lines = lines;
    this.#onCrash = onCrash;
  }

  override warn(message: string): void {
    this.#lines.write(message, "warn");
    if (message.includes("runtime crashed unexpectedly")) this.#onCrash();
  }

  override error(error: Error): void {
    this.#lines.write(error.stack ?? error.message, "error");
  }
}
