// Stands in for an edge with files: conversations whose messages carry some, and which of them are held by what.
import { createServer } from "node:http";
import * as v from "valibot";
import { HoldQuery } from "../../protocol/media-keeping.ts";
import { listen } from "../loopback.ts";

/** Files of one answer. */
const PAGE = 2;

export class FilesEdge {
  /** By conversation, each file's message. */
  readonly files = new Map<string, { seq: number; sender_id: string; held: Set<string> }[]>();
  /** Conversations of each user's list; who is not there is registered by nobody. */
  readonly lists = new Map<string, string[]>();
  readonly asked: HoldQuery[] = [];
  /** Answers in place of the next calls about files. */
  readonly refusals: number[] = [];
  url = "";
  #close = async (): Promise<void> => undefined;

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
        const { status, body } = this.#answer(request.url ?? "", JSON.parse(Buffer.concat(chunks).toString()) as unknown);
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
    });
    ({ url: this.url, close: this.#close } = await listen(server));
    return this;
  }

  close(): Promise<void> {
    return this.#close();
  }

  put(conversationId: string, ...senders: string[]): void {
    this.files.set(conversationId, senders.map((sender_id, i) => ({ seq: i + 1, sender_id, held: new Set<string>() })));
  }

  /** Of each file of a conversation, what holds it. */
  held(conversationId: string): string[][] {
    return (this.files.get(conversationId) ?? []).map(({ held }) => [...held].toSorted());
  }

  #answer(url: string, body: unknown): { status: number; body: object } {
    if (url === "/internal/archive/export/inbox") {
      const list = this.lists.get((body as { user_id: string }).user_id);
      return list === undefined ? { status: 404, body: {} } : { status: 200, body: { rows: list.map((conversation_id) => ({ conversation_id, left_at: null })), next: null } };
    }
    if (url !== "/internal/archive/media/hold") return { status: 404, body: {} };
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return { status: refusal, body: {} };
    const query = v.parse(HoldQuery, body);
    this.asked.push(query);
    const files = this.files.get(query.conversation_id);
    if (files === undefined) return { status: 404, body: {} };
    const { kind, id } = query.hold;
    const concerned = files.filter(({ seq, sender_id }) => seq > query.after && (kind === "conversation" || sender_id === id));
    const page = concerned.slice(0, PAGE);
    for (const { held } of page) if (query.held) held.add(kind); else held.delete(kind);
    return { status: 200, body: { contents: page.length, gone: 0, next: page.length < PAGE ? null : (page.at(-1)?.seq ?? null) } };
  }
}
