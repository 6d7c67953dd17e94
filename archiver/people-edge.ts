// What exporting and erasing ask of the edge. A call that got no answer is made again: none of them does anything twice.
import type * as v from "valibot";
import {
  DetailAnswer, ErasedSenderAnswer, ErasedUserAnswer, InboxAnswer, PageAnswer, PeopleAnswer, ReportsAnswer, ReportsErasedAnswer, ScrubbedAnswer, SegmentsAnswer, StaysAnswer,
  UserAnswer,
} from "../protocol/person.ts";
import { askEdge } from "./asking.ts";
import type { HttpEdge } from "./edge.ts";

const PAGE = 200;

export type InboxRow = v.InferOutput<typeof InboxAnswer>["rows"][number];
export type Page = v.InferOutput<typeof PageAnswer>["page"];

export class PeopleEdge {
  readonly #edge: Pick<HttpEdge, "call">;
  readonly #signal: AbortSignal;

  constructor(edge: Pick<HttpEdge, "call">, signal: AbortSignal) {
    this.#edge = edge;
    this.#signal = signal;
  }

  eraseUser(user_id: string, dry_run: boolean): Promise<v.InferOutput<typeof ErasedUserAnswer>> {
    return this.#ask("erase/user", { user_id, dry_run }, ErasedUserAnswer);
  }

  async eraseSender(conversation_id: string, user_id: string, after: number, dry_run: boolean): Promise<v.InferOutput<typeof ErasedSenderAnswer>["erased"]> {
    return (await this.#ask("erase/conversation", { conversation_id, step: "sender", user_id, after, dry_run }, ErasedSenderAnswer)).erased;
  }

  async putAgain(conversation_id: string): Promise<number> {
    return (await this.#ask("erase/conversation", { conversation_id, step: "put_again" }, SegmentsAnswer)).segments;
  }

  async people(conversation_id: string): Promise<string[]> {
    return (await this.#ask("erase/conversation", { conversation_id, step: "people" }, PeopleAnswer)).users;
  }

  async scrubConversation(conversation_id: string): Promise<boolean> {
    return (await this.#ask("erase/conversation", { conversation_id, step: "scrub" }, ScrubbedAnswer)).scrubbed;
  }

  async scrub(place: { user_id?: string }): Promise<boolean> {
    return (await this.#ask("erase/scrub", place, ScrubbedAnswer)).scrubbed;
  }

  async eraseReports(user_id: string, dry_run: boolean): Promise<number> {
    return (await this.#ask("erase/reports", { user_id, dry_run }, ReportsErasedAnswer)).reports;
  }

  async *inbox(user_id: string): AsyncGenerator<InboxRow> {
    for (let after: string | null = ""; after !== null;) {
      const page: v.InferOutput<typeof InboxAnswer> = await this.#ask("export/inbox", { user_id, after, limit: PAGE }, InboxAnswer);
      yield* page.rows;
      after = page.next;
    }
  }

  async *reports(user_id: string): AsyncGenerator<Record<string, unknown>> {
    for (let after: number | null = 0; after !== null;) {
      const page: v.InferOutput<typeof ReportsAnswer> = await this.#ask("export/reports", { user_id, after, limit: PAGE }, ReportsAnswer);
      yield* page.reports;
      after = page.next;
    }
  }

  user(user_id: string): Promise<v.InferOutput<typeof UserAnswer>> {
    return this.#ask("export/user", { user_id }, UserAnswer);
  }

  async detail(conversation_id: string): Promise<Record<string, unknown>> {
    return (await this.#ask("export/conversation", { conversation_id, part: "detail" }, DetailAnswer)).conversation;
  }

  async stays(conversation_id: string, user_id: string): Promise<Record<string, unknown>[]> {
    return (await this.#ask("export/conversation", { conversation_id, part: "stays", user_id }, StaysAnswer)).stays;
  }

  async events(conversation_id: string, from: number, sender_id?: string): Promise<Page> {
    return (await this.#ask("export/conversation", { conversation_id, part: "events", from, ...(sender_id === undefined ? {} : { sender_id }) }, PageAnswer)).page;
  }

  #ask<T>(what: string, body: object, schema: v.GenericSchema<unknown, T>): Promise<T> {
    return askEdge(this.#edge, this.#signal, what, body, schema);
  }
}
