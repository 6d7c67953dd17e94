// Ends a child with this process, however this process ends.
import { type ChildProcess, spawn } from "node:child_process";

/**
 * A sentinel reads from a pipe whose other end closes with us, also when we are killed, and then kills the child. It has a
 * process group of its own, so that Ctrl-C does not end it first.
 */
export function tie(child: ChildProcess): void {
  const sentinel = spawn("/bin/sh", ["-c", 'read -r _; kill -KILL "$1" 2>/dev/null', "confab-sentinel", String(child.pid)], {
    detached: true, stdio: ["pipe", "ignore", "ignore"],
  });
  child.once("exit", () => sentinel.kill("SIGKILL"));
  sentinel.unref();
  const pipe = sentinel.stdin;
  if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();
}
