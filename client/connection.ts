// Keeps one socket open: asks for tokens, connects to the front doors in turn, comes back after every end with full
// jitter, and gives up only where trying again can't help. Knows nothing of what the frames mean.
import { CLOSE } from "../protocol/errors.ts";
import { attemptAfter, type BackoffPolicy, decideBackoff } from "../domain/backoff.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, ConfabError } from "./errors.ts";
import type { Doors } from "./doors.ts";
import type { ServerFrame } from "./frames.ts";
import { Socket, type SocketEnd, type SocketTimes } from "./socket.ts";
import { TokenRefresh } from "./token-refresh.ts";
import type { Tokens } from "./tokens.ts";

export type Hello = Extract<ServerFrame, { type: "hello" }>;

export type ConnectionState =
  | { kind: "connecting"; url: string; attempt: number }
  | { kind: "open"; url: string; user_id: string }
  /** `retry_at`: ms since 1970. */
  | { kind: "waiting"; attempt: number; delay_ms: number; retry_at: number; cause: ConfabError }
  /** Trying again can't help until somebody acts, and calls `reconnect`. */
  | { kind: "refused"; error: ConfabError }
  | { kind: "closed" };

export interface ConnectionHandlers {
  state(state: ConnectionState): void;
  hello(hello: Hello): void;
  frames(frames: ServerFrame[]): void;
  /** Something new in a large conversation. */
  notified(handle: string, seq: number): void;
  malformed(reasons: string[]): void;
}

export interface ConnectionOptions {
  doors: Doors;
  device_id: string;
  tokens: Tokens;
  environment: Environment;
  backoff: BackoffPolicy;
  times: SocketTimes;
  /** Why an upgrade failed: a browser's WebSocket doesn't say. Resolves to null where the server is just not there. */
  probe: (token: string) => Promise<ConfabError | null>;
  handlers: ConnectionHandlers;
}

/** New tokens in a row that may be refused before it is not the token's age. */
const TOKENS_REFUSED = 3;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #refresh: TokenRefresh;
  #state: ConnectionState = { kind: "closed" };
  #socket: Socket | null = null;
  /** Changes with each try, so that what an older one still had under way is ignored. */
  #life = 0;
  /** Failures in the present series. */
  #failures = 0;
  #refusals = 0;
  #going_away_ms = 0;
  #closed = false;
  #cancelWait: () => void = () => undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#refresh = new TokenRefresh(options.tokens, options.environment, (token) => this.write([{ type: "auth_refresh", token }]));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects now, also after a refusal. */
  reconnect(): void {
    if (this.#state.kind === "open" || this.#state.kind === "connecting") return;
    this.#refusals = 0;
    this.#open();
  }

  /** False where no socket is ready; what was not written is the caller's to send again. */
  write(frames: readonly object[]): boolean {
    return this.#socket?.write(frames) ?? false;
  }

  /** The server asks for pings this often, ms. */
  beatEvery(interval_ms: number): void {
    this.#socket?.beatEvery(interval_ms);
  }

  /** The surroundings changed (network back, page shown): a wait ends, an open socket is asked whether it lives. */
  wake(): void {
    if (this.#state.kind === "waiting") this.#open();
    else this.#socket?.check();
  }

  /** Gives up the present socket for a new one. */
  recycle(reason: string): void {
    this.#socket?.drop(reason);
  }

  /** The server refused the token on the open socket. */
  tokenRefused(): void {
    this.#refresh.refused();
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#life++;
    this.#cancelWait();
    this.#refresh.stop();
    this.#socket?.close();
    this.#socket = null;
    this.#become({ kind: "closed" });
  }

  /** The server goes away soon and asks to stay away that long, ms. */
  goingAway(retry_after_ms: number): void {
    this.#going_away_ms = retry_after_ms;
  }

  #open(): void {
    if (this.#closed) return;
    const life = ++this.#life;
    this.#cancelWait();
    const url = this.#options.doors.current();
    this.#become({ kind: "connecting", url, attempt: this.#failures });
    this.#options.tokens.get().then(
      (token) => {
        if (life === this.#life) this.#dial(url, token, life);
      },
      (thrown: unknown) => {
        if (life !== this.#life) return;
        const error = asConfabError(thrown);
        if (error.retryable) this.#wait(error, 0);
        else this.refuse(error);
      },
    );
  }

  #dial(url: string, token: string, life: number): void {
    const { device_id, environment, times, handlers } = this.#options;
    const target = `${url.replace(/^http/, "ws")}/v1/ws?device_id=${encodeURIComponent(device_id)}`;
    try {
      this.#socket = new Socket(target, ["chat.v1.json", `bearer.${token}`], environment, times, {
        hello: (hello) => this.#greeted(url, hello),
        frames: (frames) => handlers.frames(frames),
        notified: (handle, seq) => handlers.notified(handle, seq),
        malformed: (reasons) => handlers.malformed(reasons),
        end: (end) => {
          if (life !== this.#life) return;
          this.#socket = null;
          this.#refresh.stop();
          this.#ended(end, token);
        },
      });
    } catch (cause) {
      // The constructor throws only for what no retry changes: a malformed address or token.
      this.refuse(new ConfabError("bad_request", "The address or the token is malformed.", { cause }));
    }
  }

  #greeted(url: string, hello: Hello): void {
    this.#refusals = 0;
    this.#going_away_ms = 0;
    this.#options.tokens.setClock(hello.server_time);
    this.#refresh.start();
    this.#become({ kind: "open", url, user_id: hello.user_id });
    this.#options.handlers.hello(hello);
  }

  #ended(end: SocketEnd, token: string): void {
    const { doors, probe } = this.#options;
    if (end.open_ms === 0) doors.next();
    if (end.code === CLOSE.version) {
      this.refuse(new ConfabError("unknown_type", "The server does not speak this client's protocol."));
      return;
    }
    this.#wait(new ConfabError("network", end.reason === "" ? `closed with ${end.code}` : end.reason), end.open_ms);
    if (end.code === CLOSE.token) this.#learned(new ConfabError("token_expired", "The token has expired."), token);
    else if (!end.opened) void probe(token).then((refusal) => this.#learned(refusal, token));
  }

  /** Why the last try failed, once it is known: the wait for the next one has begun meanwhile. */
  #learned(refusal: ConfabError | null, token: string): void {
    if (refusal === null || refusal.retryable) return;
    const tokenIsOver = refusal.code === "token_expired" || refusal.code === "unauthorized";
    if (tokenIsOver) this.#options.tokens.refused(token);
    if (this.#state.kind !== "waiting") return;
    if (!tokenIsOver || ++this.#refusals >= TOKENS_REFUSED) this.refuse(refusal);
  }

  /** Gives up until somebody acts. */
  refuse(error: ConfabError): void {
    this.#life++;
    this.#cancelWait();
    this.#refresh.stop();
    this.#socket?.close();
    this.#socket = null;
    this.#become({ kind: "refused", error });
  }

  #wait(cause: ConfabError, open_ms: number): void {
    const { environment, backoff } = this.#options;
    const attempt = attemptAfter(this.#failures, open_ms, backoff);
    this.#failures = attempt + 1;
    const delay_ms = this.#going_away_ms + Math.max(cause.retry_after_ms ?? 0, decideBackoff(attempt, environment.random(), backoff));
    this.#going_away_ms = 0;
    this.#cancelWait();
    this.#cancelWait = environment.later(delay_ms, () => this.#open());
    this.#become({ kind: "waiting", attempt, delay_ms, retry_at: environment.now() + delay_ms, cause });
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    this.#options.handlers.state(state);
  }
}
