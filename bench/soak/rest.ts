// The calls of the soak's people besides their sockets, and their tokens.
import { exec } from "node:child_process";
import { promisify } from "node:util";
import type { Event } from "../../protocol/events.ts";
import { askDevToken } from "../dialects/tokens.ts";

/** Tokens live an hour at most; a new one is asked for in time. */
const FRESH_MS = 30 * 60_000;
const PAGE = 100;
const AGAIN_MS = 500;
const TRIES = 20;

export class Rest {
  readonly url: string;
  private readonly tokenCommand: string | null;
  private readonly tokens = new Map<string, { token: string; at: number }>();

  constructor(url: string, tokenCommand: string | null) {
    this.url = url;
    this.tokenCommand = tokenCommand;
  }

  async token(user: string): Promise<string> {
    const known = this.tokens.get(user);
    if (known !== undefined && performance.now() - known.at < FRESH_MS) return known.token;
    const token = this.tokenCommand === null ? await askDevToken(this.url, { user_id: user }) : (await promisify(exec)(this.tokenCommand.replaceAll("{user}", user))).stdout.trim();
    this.tokens.set(user, { token, at: performance.now() });
    return token;
  }

  /** null while the one that it has is good for a while yet. */
  refreshed(user: string): Promise<string> | null {
    const known = this.tokens.get(user);
    return known !== undefined && performance.now() - known.at < FRESH_MS ? null : this.token(user);
  }

  /** A page of events after `seq`, oldest first; null where the user may not read. Tries again what is to be tried again. */
  async after(user: string, conversation: string, seq: number): Promise<Event[] | null> {
    const response = await this.call(user, "GET", `/v1/history/${conversation}?order=asc&limit=${PAGE}&after=${seq}`);
    if (response.status === 404) return null;
    return ((await response.json()) as { events: Event[] }).events;
  }

  async createGroup(owner: string, title: string, members: readonly string[]): Promise<string> {
    const response = await this.call(owner, "POST", "/v1/conversations", { kind: "group", title, members });
    if (response.status !== 201) throw new Error(`creating a group was answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { conversation_id: string }).conversation_id;
  }

  /** Rejects on what is neither right nor to be tried again. */
  async call(user: string, method: string, path: string, body?: object): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      let said: string;
      let final = false;
      try {
        const response = await fetch(this.url + path, {
          method,
          headers: { Authorization: `Bearer ${await this.token(user)}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (response.status < 400 || response.status === 404) return response;
        said = `${response.status}: ${await response.text()}`;
        final = response.status < 500 && response.status !== 429;
      } catch (error) {
        // Every call here may be made twice.
        said = String(error instanceof Error ? (error.cause ?? error) : error);
      }
      if (attempt === TRIES || final) throw new Error(`${method} ${path.replace(/[dg]\.[0-9a-f]{32,}/, "…")} was answered ${said}`);
      await new Promise((resolve) => {
        setTimeout(resolve, AGAIN_MS);
      });
    }
  }
}
