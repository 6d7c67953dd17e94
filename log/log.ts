// The one log: a JSON line per event, with a name, a level and fields. Never a token, a message's content or a stack for a client.

export type Level = "debug" | "info" | "warn" | "error";
export type Fields = Readonly<Record<string, unknown>>;

let stdoutIsTaken = false;

/** For a program whose answer goes to stdout: all lines of the log go to stderr from now on. */
export function logToStderr(): void {
  stdoutIsTaken = true;
}

/** One line. `event` is a snake_case name such as `segment_sealed`. */
export function log(level: Level, event: string, fields: Fields = {}): void {
  const line = JSON.stringify({ at: new Date().toISOString(), level, event, ...fields });
  if (stdoutIsTaken || level === "error" || level === "warn") console.error(line);
  else console.log(line);
}

/** An error as log fields: what it says and where, never what a request held. */
export function errorFields(error: unknown): Fields {
  return error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) };
}
