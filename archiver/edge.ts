// The edge's side of the hand-over: acknowledging a segment to its conversation, or telling it that one is wrong.
import * as v from "valibot";
import { type ArchiveAck, ArchiveAcked, type ArchiveWrong } from "../protocol/archive.ts";
import { type ChainQuery, ChainState, type EventLink, EventLinks, type LinksQuery } from "../protocol/chain-calls.ts";
import { EventsAnswer, type EventsQuery, RestoreState, type RestoreStep } from "../protocol/restore-calls.ts";
import type { SegmentEvent } from "../protocol/segment.ts";
import { HoldAnswer } from "../protocol/media-keeping.ts";
import type { HoldFiles } from "./held-files.ts";
import { reasonOf } from "./reason.ts";
import { signForEdge } from "./token.ts";

const TIMEOUT_MS = 10_000;
/** Of the 60 s that a token lives: the rest is for the way and for clocks that differ. */
const TOKEN_USE_MS = 15_000;
const ANSWER_CHARS = 2_000;
const WrongAnswer = v.object({ put_again: v.boolean() });

/** The edge can't be reached, or refuses this archiver altogether: try again later. */
export class EdgeUnavailable extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = "EdgeUnavailable";
  }
}

/** This one call was refused. Of an acknowledgement: the segment has to stay where it is. */
export class AckRefused extends Error {
  readonly status: number;
  constructor(status: number, answer: string) {
    super(`the edge answered ${status}: ${answer}`);
    this.name = "AckRefused";
    this.status = status;
  }
}

export interface Edge {
  /** @returns up to where the conversation counts as archived, and what receipts it has. Throws AckRefused or EdgeUnavailable. */
  ack(head: ArchiveAck): Promise<ArchiveAcked>;
  /**
   * What lies in the bucket is not what was sealed. @returns whether the conversation puts it again. Throws AckRefused or
   * EdgeUnavailable.
   */
  wrong(report: ArchiveWrong): Promise<boolean>;
  /** Where a conversation stands, and its checkpoints above a seq. Throws AckRefused (404: it is not there) or EdgeUnavailable. */
  chain(query: ChainQuery): Promise<ChainState>;
  links(query: LinksQuery): Promise<EventLink[]>;
  /** Files of messages in a run of seqs are held with their rows, or no more. Throws AckRefused or EdgeUnavailable. */
  holdFiles: HoldFiles;
  /** One step of restoring a conversation. Throws AckRefused or EdgeUnavailable. */
  restore(step: RestoreStep): Promise<RestoreState>;
  /** Events of a conversation as it would seal them. */
  unsealed(query: EventsQuery): Promise<SegmentEvent[]>;
}

export class HttpEdge implements Edge {
  readonly #url: string;
  readonly #secret: Uint8Array;
  #token: Promise<string> | null = null;
  /** ms of performance.now() */
  #freshUntil = 0;

  constructor(edgeUrl: string, secret: Uint8Array) {
    this.#url = `${edgeUrl}/internal/archive`;
    this.#secret = secret;
  }

  ack(head: ArchiveAck): Promise<ArchiveAcked> {
    return this.call("ack", head, ArchiveAcked);
  }

  async wrong(report: ArchiveWrong): Promise<boolean> {
    return (await this.call("wrong", report, WrongAnswer)).put_again;
  }

  chain(query: ChainQuery): Promise<ChainState> {
    return this.call("chain", query, ChainState);
  }

  async links(query: LinksQuery): Promise<EventLink[]> {
    return (await this.call("links", query, EventLinks)).links;
  }

  async holdFiles(...[hold, held, { conversation_id, from_seq, to_seq }]: Parameters<HoldFiles>): Promise<void> {
    for (let after: number | null = from_seq - 1; after !== null && after < to_seq;) {
      const part: v.InferOutput<typeof HoldAnswer> = await this.call("media/hold", { conversation_id, hold, held, after }, HoldAnswer);
      after = part.next;
    }
  }

  restore(step: RestoreStep): Promise<RestoreState> {
    return this.call("restore", step, RestoreState);
  }

  async unsealed(query: EventsQuery): Promise<SegmentEvent[]> {
    return (await this.call("events", query, EventsAnswer)).events;
  }

  /** @param what below `/internal/archive/`. Throws AckRefused or EdgeUnavailable. */
  async call<T>(what: string, body: object, schema: v.GenericSchema<unknown, T>): Promise<T> {
    const { status, text } = await this.#post(`${this.#url}/${what}`, JSON.stringify(body));
    // A wrong secret or a proxy in between concerns every segment, not this one.
    if (status === 401 || status === 403) throw new EdgeUnavailable(`the edge answered ${status}: is ARCHIVE_SECRET the same on both sides?`);
    if (status !== 200) throw new AckRefused(status, text.slice(0, ANSWER_CHARS));
    try {
      return v.parse(schema, JSON.parse(text));
    } catch (error) {
      throw new EdgeUnavailable(`the edge's answer is not one to ${what}: ${reasonOf(error)}`);
    }
  }

  /** One token serves the calls of some seconds. */
  #sign(): Promise<string> {
    if (this.#token === null || performance.now() >= this.#freshUntil) {
      this.#token = signForEdge(this.#secret);
      this.#freshUntil = performance.now() + TOKEN_USE_MS;
    }
    return this.#token;
  }

  /** A connection that stood unused may be closed just as it is used again: then once more, which every call allows. */
  async #post(url: string, body: string): Promise<{ status: number; text: string }> {
    try {
      return await this.#send(url, body).catch((error: unknown) => {
        if (error instanceof DOMException) throw error;
        return this.#send(url, body);
      });
    } catch (error) {
      throw new EdgeUnavailable(error);
    }
  }

  async #send(url: string, body: string): Promise<{ status: number; text: string }> {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${await this.#sign()}`, "content-type": "application/json" },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, text: await response.text() };
  }
}
