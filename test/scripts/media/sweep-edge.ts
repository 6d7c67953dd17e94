// Stands in for the edge: says how long media are kept, and what becomes of contents.
import { createServer, type IncomingMessage } from "node:http";
import * as v from "valibot";
import { type Fate, type MediaKept, SweepQuery } from "../../../protocol/media-keeping.ts";
import { listen } from "../../loopback.ts";

export const SECRET = "a secret for sweeping tests, 32 bytes";

export class SweepEdge {
  kept: MediaKept = { retention_ms: 1_000, grace_ms: 0, unsent_ms: 0 };
  /** By content; null: nobody answers for it. */
  fateOf: (name: string) => Fate | null = () => "referenced";
  /** Of each call, what it asked about. */
  readonly asked: v.InferOutput<typeof SweepQuery>[] = [];
  /** Answers in place of a call's own. */
  refuse: () => number | null = () => null;
  url = "";
  #close = async (): Promise<void> => undefined;

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)));
    });
    ({ url: this.url, close: this.#close } = await listen(server));
    return this;
  }

  close(): Promise<void> {
    return this.#close();
  }

  environment(): Record<string, string> {
    return { EDGE_URL: this.url, ARCHIVE_SECRET: SECRET };
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: object }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (request.headers.authorization?.startsWith("Bearer ") !== true) return { status: 401, body: {} };
    if (request.url === "/internal/archive/media/kept") return { status: 200, body: this.kept };
    const status = this.refuse();
    if (status !== null) return { status, body: {} };
    const query = v.parse(SweepQuery, JSON.parse(Buffer.concat(chunks).toString()));
    this.asked.push(query);
    const objects = query.contents.flatMap((content) => content.objects);
    const fates = objects.flatMap(({ name }) => {
      const fate = this.fateOf(name);
      return fate === null ? [] : [{ name, fate }];
    });
    return { status: 200, body: { fates, failed: objects.map(({ name }) => name).filter((name) => this.fateOf(name) === null) } };
  }
}
