// Runs `npm ci` for the locked dependencies, quietly while it goes well.
import { spawn } from "node:child_process";
import path from "node:path";
import { progress } from "./progress.mjs";

function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(path.basename(cli))) return { command: process.execPath, before: [cli] };
  return { command: process.platform === "win32" ? "npm.cmd" : "npm", before: [] };
}

/** Settings that the calling npm hands down describe its own run (`--omit`, `--global`…), not this one. */
function cleanEnvironment() {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^npm_config_(omit|include|only|production|optional|global|dry_run|package_lock|ignore_scripts)$/i.test(name)) delete env[name];
  }
  delete env.NODE_OPTIONS;
  return env;
}

/** `problem` is the reason shown to the user, `share` is told npm's process id. Throws when npm fails, after its own words. */
export async function runNpmCi(root, problem, share) {
  const done = progress(`installing the locked dependencies (${problem})`);
  const { command, before } = npmCommand();
  const args = [...before, "ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const output = [];
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root, env: cleanEnvironment(), stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32",
    });
    if (child.pid !== undefined) share(child.pid);
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    child.on("error", reject);
    child.on("close", (exit, signal) => resolve(exit ?? signal));
  });
  if (code === 0) return done("dependencies installed");
  done("installation failed");
  process.stderr.write(Buffer.concat(output));
  throw new Error(`npm ci failed (${code}); its output is above. The network or the lock file is the usual reason.`);
}
