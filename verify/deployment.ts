// What is checked: a deployment somewhere, known by its address and by a command that gives tokens.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Victim } from "./faults.ts";

export interface Deployment {
  /** Origin of the moment: http://… or https://…; a restart may move it. */
  url(): string;
  /** A token of this user, not necessarily a fresh one. */
  token(userId: string): Promise<string>;
  /** null: it is not ours to break. */
  readonly faults: Faults | null;
  /** Where its logs lie; null: not here. */
  readonly logs: string | null;
}

/** Which object. */
export type Evicted = { user_id: string } | { conversation_id: string };

export interface Faults {
  /** SIGKILL, within this turn of the event loop. */
  kill(victim: Victim): void;
  /** Resolves when the deployment serves again on the same data. */
  restore(victim: Victim): Promise<void>;
  /** Between these the archiver stands still. */
  holdArchive(): void;
  releaseArchive(): void;
  /** SIGKILL to the archiver alone, which comes back by itself; false where none runs just now. */
  killArchiver(): boolean;
  /** Throws one object out of memory, sockets and all; false where the deployment has no door for that, or is down. */
  evict(object: Evicted): Promise<boolean>;
  /** After these ms without an event the archive gets what there is. */
  readonly sealAfterMs: number;
  /** The embedded archive's file. */
  readonly archive: string;
  serviceToken(): Promise<string>;
}

const run = promisify(execFile);
/** A token is asked for again after this; the deployment's own may live for an hour. */
const TOKEN_MS = 15 * 60_000;
const COMMAND_MS = 30_000;

const HEALTH_MS = 10_000;

/** Rejects where nobody answers: there is nothing to check then. */
export async function expectHealthy(deployment: Deployment): Promise<void> {
  const url = `${deployment.url()}/v1/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) }).catch((error: unknown) => {
    throw new Error(`${url} does not answer`, { cause: error });
  });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
}

/** Gives each user's token from memory while it is young. */
export function keepTokens(fetchToken: (userId: string) => Promise<string>): (userId: string) => Promise<string> {
  const kept = new Map<string, { token: Promise<string>; at: number }>();
  return (userId) => {
    const known = kept.get(userId);
    if (known !== undefined && performance.now() - known.at < TOKEN_MS) return known.token;
    const token = fetchToken(userId);
    kept.set(userId, { token, at: performance.now() });
    token.catch(() => kept.delete(userId));
    return token;
  };
}

/**
 * @param url wss, https, ws or http; its path is ignored
 * @param command prints one token; every `{user}` in it becomes the user's id. It runs without a shell.
 */
export function remote(url: string, command: string): Deployment {
  const origin = new URL(url.replace(/^ws/, "http")).origin;
  const [program, ...words] = command.split(/\s+/).filter((word) => word !== "");
  if (program === undefined) throw new Error("--token-command is empty");
  return {
    url: () => origin,
    token: keepTokens(async (userId) => {
      const { stdout } = await run(program, words.map((word) => word.replaceAll("{user}", userId)), { timeout: COMMAND_MS });
      const token = stdout.trim();
      if (token === "") throw new Error(`--token-command printed no token for ${userId}`);
      return token;
    }),
    faults: null,
    logs: null,
  };
}
