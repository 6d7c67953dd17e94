// What the runtime itself says, sorted: which of its lines are worth keeping, and how bad they are.
import type { WorkerdStructuredLog } from "miniflare";
import type { LineLevel } from "./line-log.ts";

/** null: a line that says nothing new. */
export function sortRuntimeLine({ level, message }: WorkerdStructuredLog): { level: LineLevel; text: string } | null {
  const uncaught = /^uncaught exception; source = [^;]*; stack = ([\s\S]*)/.exec(message);
  if (uncaught !== null) {
    const stack = uncaught[1] ?? "";
    // Each service on the way out says it again; only the first one's place is in the Worker.
    return stack.includes("\n") && !stack.includes("/miniflare/") ? { level: "error", text: `uncaught: ${stack}` } : null;
  }
  // The same exception once more, with addresses for a stack.
  if (message.startsWith("uncaught exception; exception = ")) return null;
  // A client that went without a word; the session sees that as a close.
  if (/^exception = [^\n]*: disconnected: /.test(message)) return null;
  return { level: level === "error" || level === "warn" ? level : "info", text: message };
}
