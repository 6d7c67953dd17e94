// Reads the newest page of the upper conversations that hold something unread, one after the other, so that they open at
// once and their senders know that it is here. Slowly: reading counts as requests, and writing needs those.
import type { ConfabClient } from "../client/client.ts";

const CONVERSATIONS = 20;
const PAUSE_MS = 300;
const PAGE = 30;

export class Previews {
  readonly #client: ConfabClient;
  readonly #tried = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(client: ConfabClient) {
    this.#client = client;
  }

  /** The list may hold conversations of which nothing was read. */
  changed(): void {
    if (this.#timer === null && !this.#stopped) this.#timer = setTimeout(() => void this.#next(), PAUSE_MS);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #next(): Promise<void> {
    const bare = this.#client.conversations().slice(0, CONVERSATIONS).filter(({ unread }) => unread > 0).map(({ conversation_id }) => this.#client.conversation(conversation_id))
      .find((conversation) => conversation !== null && conversation.events.length === 0 && conversation.older.kind === "more" && !this.#tried.has(conversation.conversation_id));
    if (bare !== undefined && bare !== null && this.#client.state.kind === "open") {
      this.#tried.add(bare.conversation_id);
      await bare.loadOlder(PAGE);
    }
    this.#timer = null;
    if (bare !== undefined) this.changed();
  }
}
