// socket.io with SQLite as a peer: a process of its own, its data in a temporary folder.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { cpuOf, memoryOf } from "../processes.ts";
import type { Target } from "../target.ts";

const SERVER = path.join(import.meta.dirname, "socketio", "server.ts");

export async function startSocketio(): Promise<Target> {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-socketio-"));
  // The channel ends it when this process dies, however it dies.
  const child = fork(SERVER, [path.join(folder, "chat.sqlite")]);
  const exited = once(child, "exit");
  const [{ port }] = (await Promise.race([once(child, "message"), exited.then(([code]) => {
    throw new Error(`the socket.io server ended with ${String(code)}`);
  })])) as [{ port: number }];
  const pid = child.pid as number;
  const url = `http://127.0.0.1:${port}`;
  const stats = async (): Promise<{ rows_written: number; stored: number }> => (await (await fetch(`${url}/stats`)).json()) as { rows_written: number; stored: number };
  return {
    spoken: { dialect: "socketio", url },
    cpu: () => ({ server: cpuOf(pid), parts: {} }),
    memory: () => memoryOf(pid),
    rowsWritten: async () => (await stats()).rows_written,
    stored: async () => (await stats()).stored,
    profiled: null,
    async stop(keep) {
      child.kill("SIGTERM");
      await exited;
      if (keep) console.log(`data is kept in ${folder}`);
      else rmSync(folder, { recursive: true, force: true });
    },
  };
}
