// Stands in for the script that it runs: same terminal, same signals, same end.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import path from "node:path";

/** Sent to one process. A terminal sends the others to the whole foreground group, so the child has them already. */
const FORWARDED = ["SIGTERM", "SIGUSR2"];
const TERMINAL = ["SIGINT", "SIGHUP", "SIGQUIT"];

/** The pinned Node and the project's tools come first; flags meant for another Node version stay behind. */
function childEnvironment(node, root) {
  const env = { ...process.env };
  for (const name of ["NODE_OPTIONS", "NODE_PATH"]) delete env[name];
  const first = [path.dirname(node), path.join(root, "node_modules", ".bin")];
  env.PATH = [...first, env.PATH].filter(Boolean).join(path.delimiter);
  // The programs are of one thread each: more arenas than one only keep what was freed (46 MB of an archiver at work).
  env.MALLOC_ARENA_MAX ??= "1";
  // Compiled once for all programs and starts: a start is ready in half of the time.
  env.NODE_COMPILE_CACHE ??= path.join(root, ".cache", "node");
  return env;
}

function onTerminal() {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
}

/** Never returns: ends with the child's exit code, or by the signal that ended it. */
export async function runInPlace(node, args, root) {
  if (process.env.NODE_OPTIONS) process.stderr.write("confab: NODE_OPTIONS is not handed on to the project's own Node\n");
  const child = spawn(node, args, { stdio: "inherit", env: childEnvironment(node, root) });
  // Whoever listens is not ended by the signal: the child decides how long its clean-up takes.
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  for (const signal of TERMINAL) process.on(signal, () => { if (!onTerminal()) child.kill(signal); });
  const { code, signal } = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  if (signal === null) process.exit(code);
  for (const name of [...FORWARDED, ...TERMINAL]) process.removeAllListeners(name);
  process.kill(process.pid, signal);
  // A signal that cannot end this process leaves the shell's convention for it.
  process.exit(128 + (constants.signals[signal] ?? 0));
}
