// Stands in for the edge: takes acknowledgements over HTTP as the conversation does, and remembers them.
import { createServer, type IncomingMessage } from "node:http";
import { jwtVerify } from "jose";
import * as v from "valibot";
import { ARCHIVE_SCOPE, ArchiveAck, ArchiveWrong, EDGE_AUDIENCE } from "../../protocol/archive.ts";
import { listen } from "../loopback.ts";

export const SECRET = "a secret for archiver tests, 32 bytes";
const KEY = new TextEncoder().encode(SECRET);

/** What to answer in place of an acknowledgement; null: nothing, the connection is cut. */
export type Refuse = (ack: ArchiveAck) => { status: number; code: string } | null | "ack";

export class FakeEdge {
  /** Every acknowledgement that was taken, in order. */
  readonly acks: ArchiveAck[] = [];
  /** Segments that were reported as wrong. */
  readonly wrong: ArchiveWrong[] = [];
  /** Called with each: what the conversation does. Answers whether it puts it again; null: an edge of a version before. */
  onWrong: (report: ArchiveWrong) => Promise<boolean | null> = async () => false;
  /** Those that were refused. */
  readonly refused: ArchiveAck[] = [];
  refuse: Refuse = () => "ack";
  /** Runs before an acknowledgement is answered. */
  onAck: (ack: ArchiveAck) => Promise<void> = async () => undefined;
  url = "";
  #close = async (): Promise<void> => undefined;

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      this.#answer(request).then(
        (answer) => {
          if (answer === null) return void request.socket.destroy();
          response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
        },
        (error: unknown) => void response.writeHead(500).end(String(error)),
      );
    });
    ({ url: this.url, close: this.#close } = await listen(server));
    return this;
  }

  close(): Promise<void> {
    return this.#close();
  }

  keys(): string[] {
    return this.acks.map(({ conversation_id, from_seq, to_seq }) => `${conversation_id}/${from_seq}-${to_seq}`);
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown } | null> {
    const problem = await this.#problem(request);
    if (problem !== null) return { status: 401, body: { error: { code: "unauthorized", message: problem, retryable: false } } };
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (request.url === "/internal/archive/wrong") {
      const report = v.parse(ArchiveWrong, body);
      this.wrong.push(report);
      const put_again = await this.onWrong(report);
      return put_again === null ? { status: 404, body: { error: { code: "not_found", message: "no", retryable: false } } } : { status: 200, body: { put_again } };
    }
    const ack = v.parse(ArchiveAck, body);
    const answer = this.refuse(ack);
    if (answer === null) return null;
    if (answer !== "ack") {
      this.refused.push(ack);
      return { status: answer.status, body: { error: { code: answer.code, message: "no", retryable: false } } };
    }
    await this.onAck(ack);
    this.acks.push(ack);
    return { status: 200, body: { archived_seq: this.#reached(ack) } };
  }

  /** As the conversation counts: contiguous from 1. */
  #reached({ conversation_id }: ArchiveAck): number {
    let reached = 0;
    for (const ack of this.acks.filter((taken) => taken.conversation_id === conversation_id).toSorted((a, b) => a.from_seq - b.from_seq)) {
      if (ack.from_seq <= reached + 1) reached = Math.max(reached, ack.to_seq);
    }
    return reached;
  }

  async #problem(request: IncomingMessage): Promise<string | null> {
    if (request.method !== "POST" || !["/internal/archive/ack", "/internal/archive/wrong"].includes(request.url ?? "")) return `${request.method} ${request.url}`;
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    try {
      const { payload } = await jwtVerify(token, KEY, { algorithms: ["HS256"], audience: EDGE_AUDIENCE, maxTokenAge: 60, requiredClaims: ["exp", "iat"] });
      return payload["scope"] === ARCHIVE_SCOPE ? null : "scope";
    } catch (error) {
      return String(error);
    }
  }
}
