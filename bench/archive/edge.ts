// Stands in for the edge: takes acknowledgements as conversations count them, and keeps the times.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { ArchiveAck } from "../../protocol/archive.ts";

export interface Acked {
  /** ms of performance.now() */
  at: number;
  rows: number;
}

export class BenchEdge {
  /** In the order of their coming; of a segment the first only. */
  readonly acks: Acked[] = [];
  rows = 0;
  /** Acknowledgements of what was acknowledged already. */
  again = 0;
  url = "";
  readonly #known = new Set<string>();
  readonly #reached = new Map<string, Map<number, number>>();
  #close = async (): Promise<void> => undefined;

  async open(): Promise<this> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#answer(request).then(
        (archived_seq) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ archived_seq })),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#close = async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    };
    return this;
  }

  /** What comes from now on counts; what came before is still known. */
  reset(): void {
    this.acks.length = 0;
    this.rows = 0;
    this.again = 0;
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #answer(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const ack = v.parse(ArchiveAck, JSON.parse(Buffer.concat(chunks).toString("utf8")));
    if (this.#known.has(ack.sha256)) {
      this.again += 1;
    } else {
      this.#known.add(ack.sha256);
      this.rows += ack.count;
      this.acks.push({ at: performance.now(), rows: ack.count });
    }
    return this.#contiguous(ack);
  }

  #contiguous({ conversation_id, from_seq, to_seq }: ArchiveAck): number {
    const ranges = this.#reached.get(conversation_id) ?? new Map<number, number>([[0, 0]]);
    this.#reached.set(conversation_id, ranges);
    ranges.set(from_seq, to_seq);
    let reached = ranges.get(0) as number;
    for (let next = ranges.get(reached + 1); next !== undefined; next = ranges.get(reached + 1)) reached = next;
    ranges.set(0, reached);
    return reached;
  }
}
