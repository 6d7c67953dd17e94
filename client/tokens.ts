// The token in use: asked for when needed, kept in memory, replaced before it expires or once it was refused. What it
// says is read without being verified; the server verifies.
import { ConfabError } from "./errors.ts";

/** `start`: none yet. `expiring`: the current one ends soon. `refused`: the server did not accept the current one. */
export type TokenReason = "start" | "expiring" | "refused";

/** A fixed token, or who gives one when asked. A rejection that is no ConfabError counts as retryable. */
export type TokenProvider = string | ((why: TokenReason) => string | Promise<string>);

export class Tokens {
  readonly #provider: TokenProvider;
  readonly #now: () => number;
  #current: string | null = null;
  #why: TokenReason = "start";
  #asking: Promise<string> | null = null;
  /** Server's clock minus ours, ms: tokens expire by the server's. */
  #ahead_ms = 0;

  constructor(provider: TokenProvider, now: () => number) {
    this.#provider = provider;
    this.#now = now;
  }

  /** @param server_time ms */
  setClock(server_time: number): void {
    this.#ahead_ms = server_time - this.#now();
  }

  /** The current token, or a new one. Rejects with `unauthorized` when a fixed token was refused. */
  get(): Promise<string> {
    const left = this.left_ms;
    if (this.#current !== null && (typeof this.#provider === "string" || left === null || left > 0)) return Promise.resolve(this.#current);
    return this.renew(this.#current === null ? this.#why : "expiring");
  }

  /** A new token; the present one stays in use until it is here. */
  renew(why: TokenReason = "expiring"): Promise<string> {
    this.#asking ??= this.#ask(why).finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** The server did not accept `token`: the next `get` asks for another. */
  refused(token: string): void {
    if (this.#current !== token) return;
    this.#current = null;
    this.#why = "refused";
  }

  /** Until the current token expires; null without one, and where it doesn't say. */
  get left_ms(): number | null {
    const expires_at = this.#current === null ? null : expiryOf(this.#current);
    return expires_at === null ? null : expires_at - this.#ahead_ms - this.#now();
  }

  /** Whom the current token is for; null without one, and where it doesn't say. */
  get subject(): string | null {
    const sub = this.#current === null ? null : claimsOf(this.#current)?.["sub"];
    return typeof sub === "string" ? sub : null;
  }

  async #ask(why: TokenReason): Promise<string> {
    if (typeof this.#provider === "string") {
      if (why !== "start") throw new ConfabError("unauthorized", "The token is no longer valid, and there is no way to get another.");
      this.#current = this.#provider;
    } else this.#current = await this.#provider(why);
    return this.#current;
  }
}

/** The `exp` of a JWT in ms since 1970; null for what has none. */
function expiryOf(token: string): number | null {
  const exp = claimsOf(token)?.["exp"];
  return typeof exp === "number" ? exp * 1_000 : null;
}

function claimsOf(token: string): Record<string, unknown> | null {
  const payload = token.split(".")[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof claims === "object" ? (claims as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
