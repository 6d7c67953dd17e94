// REST without a client library: every status, header and body is given back as it came. And users, whose names no
// other test of the same product has.
import { randomUUID } from "node:crypto";
import type { ErrorBody } from "../../protocol/errors.ts";
import type { Event } from "../../protocol/events.ts";
import type { AckFrame } from "../../protocol/frames/msg.ts";
import type { ConversationDetail } from "../../protocol/rest.ts";
import type { ConversationStats } from "../../protocol/rpc.ts";
import type { Product } from "../product.ts";
import { RawSocket, type SocketOptions } from "./raw-socket.ts";

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed JSON; null for an empty body. */
  readonly body: T;
}

export interface Raw {
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
}

const POLL_MS = 20;
const WAIT_MS = 15_000;

export async function request<T>(url: string, method: string, given: Raw = {}): Promise<Answer<T>> {
  const response = await fetch(url, { method, redirect: "manual", headers: { ...given.headers }, ...(given.body === undefined ? {} : { body: given.body }) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: (text === "" ? null : JSON.parse(text)) as T };
}

/** `code` of an error's answer, with its status: `404 not_found`. */
export function codeOf(answer: Answer): string {
  const body = answer.body as { error?: ErrorBody } | null;
  return `${answer.status} ${body?.error?.code ?? "without a code"}`;
}

export function errorOf(answer: Answer): ErrorBody {
  return (answer.body as { error: ErrorBody }).error;
}

/** Somebody with a token, over REST and sockets. */
export class User {
  readonly name: string;
  readonly token: string;
  readonly #product: Product;

  constructor(product: Product, name: string, token: string) {
    this.#product = product;
    this.name = name;
    this.token = token;
  }

  /** JSON, unless `body` is undefined. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return this.raw(method, path, body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  }

  raw<T = unknown>(method: string, path: string, given: Raw = {}): Promise<Answer<T>> {
    return request(this.#product.url + path, method, { ...given, headers: { authorization: `Bearer ${this.token}`, ...given.headers } });
  }

  socket(options: SocketOptions = {}): Promise<RawSocket> {
    return RawSocket.open(this.#product.wsUrl, { token: this.token, ...options });
  }

  /** Sends over REST. `where`: a conversation's id or another user. */
  async send(where: string | User, content: string, more: object = {}): Promise<AckFrame> {
    const target = typeof where === "string" ? { conversation_id: where } : { to: where.name };
    const answer = await this.call<AckFrame>("POST", "/v1/messages", { ...target, content, client_msg_id: randomUUID(), ...more });
    if (answer.status !== 201 && answer.status !== 200) throw new Error(`not sent: ${codeOf(answer)}`);
    return answer.body;
  }

  /** A group with this user as its owner. */
  async group(members: readonly User[], more: object = {}): Promise<ConversationDetail> {
    const answer = await this.call<ConversationDetail>("POST", "/v1/conversations", {
      kind: "group", title: "A group", members: members.map(({ name }) => name), ...more,
    });
    if (answer.status !== 201) throw new Error(`no group: ${codeOf(answer)}`);
    return answer.body;
  }

  /** All events that this user sees, oldest first. */
  async history(conversationId: string): Promise<Event[]> {
    const events: Event[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: Answer<{ events: Event[]; next_cursor: string | null }> = await this.call(
        "GET", `/v1/history/${conversationId}?order=asc&limit=100${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      if (page.status !== 200) throw new Error(`no history: ${codeOf(page)}`);
      events.push(...page.body.events);
      cursor = page.body.next_cursor;
    }
    return events;
  }
}

let made = 0;

/** A registered user with a name that nobody has yet. */
export async function newUser(product: Product, prefix = "user"): Promise<User> {
  made += 1;
  const name = `${prefix}-${made}`;
  return new User(product, name, await product.token(name));
}

/** The operator: a token of scope `service`. */
export async function operator(product: Product): Promise<User> {
  return new User(product, "operator", await product.token("operator", { scope: "service" }));
}

export async function statsOf(service: User, conversationId: string): Promise<ConversationStats> {
  const answer = await service.call<ConversationStats>("GET", `/v1/admin/conversations/${conversationId}/stats`);
  if (answer.status !== 200) throw new Error(`no stats: ${codeOf(answer)}`);
  return answer.body;
}

/** Waits until everything committed is settled with every member: what was not delivered by then never will be. */
export async function untilSettled(service: User, conversationId: string): Promise<ConversationStats> {
  return until(() => statsOf(service, conversationId), (stats) => stats.fanout_seq === stats.head_seq && stats.lagging === 0);
}

/** Asks again until the answer is good; rejects after `ms` with the last one. For what no event announces. */
export async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean, ms = WAIT_MS): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still not so: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}
