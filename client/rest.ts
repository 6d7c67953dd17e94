// HTTP calls: token, time limit, typed errors, checked answers. Tries again only where the token was the matter or
// another front door may answer; waiting and repeating is up to who calls.
import * as v from "valibot";
import { ErrorAnswer } from "./answers.ts";
import type { Doors } from "./doors.ts";
import type { Environment } from "./environment.ts";
import { asConfabError, codeOf, ConfabError } from "./errors.ts";
import type { Tokens } from "./tokens.ts";

export interface Call<T> {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From `/v1/`; ids in it already encoded. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: object;
  /** How long the server may take on purpose, ms. */
  held_ms?: number;
  answer: v.GenericSchema<unknown, T>;
  signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 15_000;

export class Rest {
  readonly #doors: Doors;
  readonly #tokens: Tokens;
  readonly #environment: Environment;
  readonly #closing = new AbortController();

  constructor(doors: Doors, tokens: Tokens, environment: Environment) {
    this.#doors = doors;
    this.#tokens = tokens;
    this.#environment = environment;
  }

  async call<T>(call: Call<T>): Promise<T> {
    let token = await this.#tokens.get();
    let renewed = false;
    for (let door = 1; ; ) {
      try {
        return await this.#once(call, token);
      } catch (thrown) {
        const error = asConfabError(thrown);
        if (error.status === 401 && !renewed) {
          renewed = true;
          this.#tokens.refused(token);
          token = await this.#tokens.get();
        } else if (error.code === "network" && call.method !== "POST" && door < this.#doors.count) {
          door++;
          this.#doors.next();
        } else throw error;
      }
    }
  }

  /** Why a socket may have been refused; null where nothing answers, `well` where that is not the reason. */
  async probe(token: string): Promise<ConfabError | "well" | null> {
    try {
      await this.#once({ method: "GET", path: "/v1/conversations", query: { limit: 1 }, answer: v.unknown() }, token);
      return "well";
    } catch (thrown) {
      const error = asConfabError(thrown);
      return error.status === 401 || error.status === 403 ? error : null;
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async #once<T>(call: Call<T>, token: string): Promise<T> {
    const timeout = new AbortController();
    const cancelTimeout = this.#environment.later(TIMEOUT_MS + (call.held_ms ?? 0), () => timeout.abort());
    const signals = [timeout.signal, this.#closing.signal, ...(call.signal === undefined ? [] : [call.signal])];
    try {
      const response = await this.#environment.fetch(this.#doors.current() + call.path + queryText(call.query), {
        method: call.method,
        headers: { authorization: `Bearer ${token}`, ...(call.body === undefined ? {} : { "content-type": "application/json" }) },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body).replaceAll("\uFFFD", "\\ufffd") }),
        signal: AbortSignal.any(signals),
      });
      return read(response.status, await response.text(), call.answer);
    } catch (thrown) {
      if (this.#closing.signal.aborted) throw new ConfabError("closed", "The client was closed.");
      if (call.signal?.aborted === true) throw new ConfabError("aborted", "The call was aborted.");
      if (timeout.signal.aborted) throw new ConfabError("timeout", "No answer in time.");
      throw asConfabError(thrown);
    } finally {
      cancelTimeout();
    }
  }
}

function read<T>(status: number, text: string, answer: v.GenericSchema<unknown, T>): T {
  let body: unknown = null;
  try {
    if (text !== "") body = JSON.parse(text);
  } catch (cause) {
    throw new ConfabError(status >= 500 ? "unavailable" : "bad_answer", `HTTP ${status} without JSON`, { status, cause, retryable: status >= 500 });
  }
  if (status >= 200 && status < 300) {
    const result = v.safeParse(answer, body);
    if (result.success) return result.output;
    throw new ConfabError("bad_answer", `The answer is not the protocol's: ${result.issues[0].message}`, { status });
  }
  const refused = v.safeParse(ErrorAnswer, body);
  if (!refused.success) throw new ConfabError("unavailable", `HTTP ${status}`, { status, retryable: status >= 500 });
  const { code, message, retryable, retry_after_ms } = refused.output.error;
  throw new ConfabError(codeOf(code), message, { status, retryable, retry_after_ms });
}

function queryText(query: Record<string, string | number | undefined> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}
