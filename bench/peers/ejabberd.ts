// ejabberd with PostgreSQL as a peer: a process of the scripts starts both, their data in a temporary folder.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { cpuOf, memoryOf, processTree } from "../processes.ts";
import type { Target } from "../target.ts";

const STARTER = path.join(import.meta.dirname, "..", "..", "scripts", "ejabberd.ts");

/** As scripts/ejabberd.ts tells it. */
type Told =
  | { type: "ready"; url: string; password: string; pids: { ejabberd: number; postgres: number } }
  | { type: "stored"; messages: number; rows: number }
  | { type: "failed"; reason: string };

export async function startEjabberd(): Promise<Target> {
  const folder = mkdtempSync(path.join(tmpdir(), "confab-ejabberd-"));
  // The channel ends it when this process dies, however it dies.
  const child = fork(STARTER, [folder]);
  const exited = once(child, "exit");
  const told = async (): Promise<Told> => {
    const [message] = (await Promise.race([once(child, "message"), exited.then(([code]) => {
      throw new Error(`ejabberd's starter ended with ${String(code)}`);
    })])) as [Told];
    if (message.type === "failed") throw new Error(message.reason);
    return message;
  };
  const ready = await told();
  if (ready.type !== "ready") throw new Error(`ejabberd's starter began with ${ready.type}`);
  const { url, password, pids } = ready;
  const sumOf = (pid: number, of: (pid: number) => number): number => processTree(pid).reduce((sum, { pid: part }) => sum + of(part), 0);
  // One question at a time: both are asked before and after the rounds, one after the other.
  const stats = async (): Promise<{ messages: number; rows: number }> => {
    const answer = told();
    child.send("stored");
    const message = await answer;
    if (message.type !== "stored") throw new Error(`ejabberd's starter answered ${message.type}`);
    return message;
  };
  return {
    spoken: { dialect: "xmpp", url, password },
    cpu() {
      const parts = { ejabberd: sumOf(pids.ejabberd, cpuOf), postgres: sumOf(pids.postgres, cpuOf) };
      return { server: parts.ejabberd + parts.postgres, parts };
    },
    memory: () => sumOf(pids.ejabberd, memoryOf) + sumOf(pids.postgres, memoryOf),
    rowsWritten: async () => (await stats()).rows,
    stored: async () => (await stats()).messages,
    profiled: null,
    async stop(keep) {
      child.kill("SIGTERM");
      await exited;
      if (keep) console.log(`data and logs are kept in ${folder}`);
      else rmSync(folder, { recursive: true, force: true });
    },
  };
}
