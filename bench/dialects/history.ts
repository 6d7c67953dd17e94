// A device that comes back: it resumes from its cursor, is pushed what the server pushes, and reads the rest page by page.
import { once } from "node:events";
import WebSocket from "ws";
import { PAGE_MAX } from "../../protocol/limits.ts";
import { type ConfabOptions, greeted, seenIn } from "./confab.ts";
import { now } from "../generator/clock.ts";
import type { Cursor, Seen } from "./dialect.ts";

type Frame = Parameters<typeof seenIn>[0];

interface Missed {
  conversation_id: string;
  missed: number;
  /** Events that the server gives at once. */
  page: number;
}

const WITHIN_MS = 20_000;
/** Deployed, compressing is not the Worker's; the local runtime would do it in the process that is measured, and a socket's messages are not. */
const PLAIN = { "Accept-Encoding": "identity" };

export class History {
  private readonly options: ConfabOptions;

  constructor(options: ConfabOptions) {
    this.options = options;
  }

  async catchUp(user: string, { conversation_id, epoch, seq, missed }: Cursor): Promise<{ keys: string[]; at: number }> {
    const { socket, hello } = await greeted(this.options, user);
    const [{ limits = {} } = {}] = this.options.wire.decode(hello) as { limits?: { history_page?: number } }[];
    const { history_page: page = PAGE_MAX } = limits;
    const got: Seen[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${user} got ${got.length} of ${missed} missed messages`)), WITHIN_MS);
        const end = (error?: Error): void => {
          clearTimeout(late);
          if (error === undefined) resolve();
          else reject(error);
        };
        socket.once("close", (code: number) => end(new Error(`the socket of ${user} was closed with ${code}`)));
        socket.on("message", (data) => {
          void this.take(user, data as Buffer, got, { conversation_id, missed, page }).then((whole) => {
            if (whole) end();
          }, end);
        });
        socket.send(this.options.wire.encode([{ type: "resume", cursors: { [conversation_id]: { epoch, seq } } }]));
      });
      return { keys: got.map(({ key }) => key), at: now() };
    } finally {
      socket.removeAllListeners();
      socket.close(1000);
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
    }
  }

  /** Resolves to whether everything is there. */
  private async take(user: string, unit: Buffer, got: Seen[], wanted: Missed): Promise<boolean> {
    for (const frame of this.options.wire.decode(unit) as Frame[]) {
      if (frame.type === "sync_required") await this.pull(user, got, wanted);
      else got.push(...seenIn(frame));
    }
    return got.length >= wanted.missed;
  }

  private async pull(user: string, got: Seen[], { conversation_id, missed, page }: Missed): Promise<void> {
    const token = await this.options.tokens.of(user);
    while (got.length < missed) {
      const after = got.at(-1)?.seq ?? 0;
      const response = await fetch(`${this.options.url}/v1/history/${conversation_id}?after=${after}&limit=${Math.min(page, missed - got.length)}`, { headers: { ...PLAIN, Authorization: `Bearer ${token}` } });
      if (!response.ok) throw new Error(`history answered ${response.status}: ${await response.text()}`);
      const { events } = (await response.json()) as { events: Frame[] };
      if (events.length === 0) throw new Error(`history ends at ${got.length} of ${missed}`);
      got.push(...events.flatMap(seenIn));
    }
  }
}
