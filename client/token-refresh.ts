// Replaces the token of an open socket before it expires.
import type { Environment } from "./environment.ts";
import type { Tokens } from "./tokens.ts";

/** How long before the end, ms; a quarter of what is left where that is less. */
const LEAD_MS = 60_000;
/** Between two tries, ms: a server that refuses every token must not be asked without end. */
const RETRY_MS = 5_000;

export class TokenRefresh {
  readonly #tokens: Tokens;
  readonly #environment: Environment;
  readonly #present: (token: string) => void;
  #cancel: () => void = () => undefined;
  #running = false;
  #tried_at = 0;

  /** @param present gives the new token to the open socket */
  constructor(tokens: Tokens, environment: Environment, present: (token: string) => void) {
    this.#tokens = tokens;
    this.#environment = environment;
    this.#present = present;
  }

  /** A socket is open with the current token. */
  start(): void {
    this.#running = true;
    this.#plan();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  /** The open socket's token is no use any more. */
  refused(): void {
    if (!this.#running) return;
    this.#cancel();
    this.#cancel = this.#environment.later(Math.max(0, this.#tried_at + RETRY_MS - this.#environment.now()), () => this.#renew());
  }

  #renew(): void {
    this.#tried_at = this.#environment.now();
    this.#tokens.renew().then(
      (token) => {
        if (!this.#running) return;
        this.#present(token);
        this.#plan();
      },
      // Whoever gives tokens may be back before this one ends; if not, the socket's end reports it.
      () => this.refused(),
    );
  }

  #plan(): void {
    this.#cancel();
    const left = this.#tokens.left_ms;
    if (left === null) return;
    const wait = Math.max(RETRY_MS / 5, left - Math.min(LEAD_MS, left / 4));
    this.#cancel = this.#environment.later(wait, () => this.#renew());
  }
}
