// Keeps one connection: asks for tokens, connects to the front doors in turn, comes back after every end with full jitter,
// and gives up only where trying again can't help. Where no socket gets through and HTTP does, it polls, and tries a socket
// again from time to time. Knows nothing of what the frames mean.
import { CLOSE } from "../protocol/errors.ts";
import { attemptAfter, decideBackoff } from "../domain/backoff.ts";
import type { ConnectionOptions, ConnectionState, Hello, Probed } from "./connection-state.ts";
import { asConfabError, ConfabError } from "./errors.ts";
import type { Link, LinkEnd, LinkHandlers } from "./link.ts";
import { PollLink } from "./poll-link.ts";
import { Socket } from "./socket.ts";
import { TokenRefresh } from "./token-refresh.ts";

/** Sockets in a row that brought no hello before polls are tried. */
const SOCKETS_FAILED = 2;
/** While polling the wait for another socket doubles with each that fails, up to so many times the first. */
const MOST_PATIENCE = 16;
/** New tokens in a row that may be refused before it is not the token's age. */
const TOKENS_REFUSED = 3;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #refresh: TokenRefresh;
  #state: ConnectionState = { kind: "closed" };
  #link: Link | null = null;
  /** While polls carry the connection: a socket that may take over. */
  #successor: Link | null = null;
  #socketsFailed = 0;
  #pollNext = false;
  #patience = 1;
  #cancelAgain: () => void = () => undefined;
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
    return this.#link?.write(frames) ?? false;
  }

  /** The server asks for pings this often, ms. */
  beatEvery(interval_ms: number): void {
    this.#link?.beatEvery(interval_ms);
  }

  /** The surroundings changed (network back, page shown): a wait ends, an open socket is asked whether it lives. */
  wake(): void {
    if (this.#state.kind === "waiting") this.#open();
    else this.#link?.check();
  }

  /** Gives up the present socket for a new one. */
  recycle(reason: string): void {
    this.#link?.drop(reason);
  }

  /** The server refused the token on the open socket. */
  tokenRefused(): void {
    this.#refresh.refused();
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#end({ kind: "closed" });
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
    const polls = this.#pollNext;
    this.#pollNext = false;
    const handlers = this.#handlers(url, life, polls ? "poll" : "socket", (end) => {
      this.#link = null;
      this.#ended(end, token, polls);
    });
    if (polls) this.#link = this.#poll(handlers);
    else this.#link = this.#socketTo(url, token, handlers);
  }

  #socketTo(url: string, token: string, handlers: LinkHandlers): Link | null {
    const { device_id, environment, times } = this.#options;
    const target = `${url.replace(/^http/, "ws")}/v1/ws?device_id=${encodeURIComponent(device_id)}`;
    try {
      return new Socket(target, ["chat.v1.json", `bearer.${token}`], environment, times, handlers);
    } catch (cause) {
      // The constructor throws only for what no retry changes: a malformed address or token.
      this.refuse(new ConfabError("bad_request", "The address or the token is malformed.", { cause }));
      return null;
    }
  }

  #poll(handlers: LinkHandlers): Link {
    const { environment, device_id, polls, tokens } = this.#options;
    return new PollLink(environment, device_id, { ...polls, user_id: () => tokens.subject }, handlers);
  }

  #handlers(url: string, life: number, transport: "socket" | "poll", end: (end: LinkEnd) => void): LinkHandlers {
    const { handlers } = this.#options;
    const isCurrent = () => life === this.#life;
    return {
      hello: (hello) => this.#greeted(url, hello, transport),
      frames: (frames) => isCurrent() && handlers.frames(frames),
      notified: (handle, seq) => isCurrent() && handlers.notified(handle, seq),
      malformed: (reasons) => handlers.malformed(reasons),
      end: (ended) => {
        if (!isCurrent()) return;
        this.#refresh.stop();
        end(ended);
      },
    };
  }

  #greeted(url: string, hello: Hello, transport: "socket" | "poll"): void {
    this.#refusals = 0;
    this.#going_away_ms = 0;
    this.#options.tokens.setClock(hello.server_time);
    if (transport === "socket") {
      this.#socketsFailed = 0;
      this.#patience = 1;
      // Every request of a poll brings its own token.
      this.#refresh.start();
    } else this.#planSocket(url);
    this.#become({ kind: "open", url, user_id: hello.user_id, transport });
    this.#options.handlers.hello(hello);
  }

  /** While polling: a socket beside it, which takes over once it is greeted. */
  #planSocket(url: string): void {
    this.#dropSuccessor();
    const life = this.#life;
    this.#cancelAgain = this.#options.environment.later(this.#options.times.socket_again_ms * this.#patience, () => {
      this.#patience = Math.min(MOST_PATIENCE, this.#patience * 2);
      this.#options.tokens.get().then(
        (token) => {
          if (life === this.#life) this.#trySocket(url, token);
        },
        // Polls need a token too, and say so.
        () => this.#planSocket(url),
      );
    });
  }

  #trySocket(url: string, token: string): void {
    const next = this.#life + 1;
    const handlers = this.#handlers(url, next, "socket", (end) => {
      this.#link = null;
      this.#ended(end, token, false);
    });
    const successor = this.#socketTo(url, token, {
      ...handlers,
      hello: (hello) => {
        const polling = this.#link;
        this.#cancelAgain();
        [this.#link, this.#successor, this.#life] = [successor, null, next];
        polling?.close();
        handlers.hello(hello);
      },
      end: (end) => {
        if (this.#life === next) handlers.end(end);
        else if (this.#successor === successor) this.#planSocket(url);
      },
    });
    this.#successor = successor;
  }

  #dropSuccessor(): void {
    this.#cancelAgain();
    const successor = this.#successor;
    this.#successor = null;
    successor?.close();
  }

  #ended(end: LinkEnd, token: string, polled: boolean): void {
    const { doors, probe } = this.#options;
    this.#dropSuccessor();
    if (end.open_ms === 0) doors.next();
    if (end.open_ms === 0 && !polled) this.#socketsFailed++;
    if (end.code === CLOSE.version) {
      this.refuse(new ConfabError("unknown_type", "The server does not speak this client's protocol."));
      return;
    }
    this.#wait(end.error ?? new ConfabError("network", end.reason === "" ? `closed with ${end.code}` : end.reason), end.open_ms);
    if (end.code === CLOSE.token) this.#learned(new ConfabError("token_expired", "The token has expired."), token);
    else if (end.open_ms === 0) void probe(token).then((probed) => this.#learned(probed, token));
  }

  /** Why the last try failed, once it is known: the wait for the next one has begun meanwhile. */
  #learned(probed: Probed, token: string): void {
    if (probed === "well") {
      if (this.#socketsFailed < SOCKETS_FAILED || this.#state.kind !== "waiting") return;
      this.#pollNext = true;
      this.#open();
      return;
    }
    const refusal = probed;
    if (refusal === null || refusal.retryable) return;
    const tokenIsOver = refusal.code === "token_expired" || refusal.code === "unauthorized";
    if (tokenIsOver) this.#options.tokens.refused(token);
    if (this.#state.kind !== "waiting") return;
    if (!tokenIsOver || ++this.#refusals >= TOKENS_REFUSED) this.refuse(refusal);
  }

  /** Gives up until somebody acts. */
  refuse(error: ConfabError): void {
    this.#end({ kind: "refused", error });
  }

  #end(state: ConnectionState): void {
    this.#life++;
    this.#cancelWait();
    this.#refresh.stop();
    this.#dropSuccessor();
    this.#link?.close();
    this.#link = null;
    this.#become(state);
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
