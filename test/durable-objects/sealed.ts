// A conversation's object as far as sealing goes: real stores, and a bucket that fails on command.
import { DatabaseSync } from "node:sqlite";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createDirect } from "../../durable-objects/conversation/create.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { nodeSql } from "./sqlite.ts";

export const CONVERSATION = `d.${"0".repeat(64)}`;
const NOW = Date.UTC(2026, 10, 21);
const RULE = { seal_events: 4, seal_after_ms: 1_000, hot_events: 0, hot_days: 0 };

export interface Put {
  key: string;
  ndjson: string;
  metadata: Record<string, string>;
}

/** One conversation's object: `wake` makes a new instance on the same rows. */
export class Sealed {
  readonly #database = new DatabaseSync(":memory:");
  readonly puts: Put[] = [];
  /** What lies in the bucket now. */
  readonly bucket = new Map<string, Put>();
  looks = 0;
  /** How many of the next PUTs fail, and whether the object got there all the same. */
  failing: { left: number; arrived: boolean } = { left: 0, arrived: false };
  /** Runs while a PUT is under way. */
  during: () => void = () => undefined;
  readonly rule = { ...DEFAULT_SETTINGS, ...RULE };
  now = NOW;
  store = new ConversationStore(nodeSql(this.#database));
  state: ConversationState;
  sealing: Sealing;
  #sent = 0;

  constructor() {
    createDirect(this.store, CONVERSATION, ["ann", "bob"], null);
    [this.state, this.sealing] = this.#open();
  }

  wake(): void {
    this.store = new ConversationStore(nodeSql(this.#database));
    [this.state, this.sealing] = this.#open();
  }

  append(count: number, content_type: "text" | "image" = "text"): void {
    const items = Array.from({ length: count }, () => ({ client_msg_id: `k${this.#sent}`, device_id: null, content: `message ${this.#sent++}`, content_type }));
    appendItems(this.store, this.state, { conversation_id: CONVERSATION, sender_id: "ann", items, create: null, alone: true }, this.#ports(), this.now);
  }

  /** Its sender deletes the message of a seq. */
  delete(seq: number): void {
    const item = { type: "delete" as const, client_msg_id: `d${seq}`, device_id: null, target_msg_id: this.store.readMsgId(seq) as string };
    appendItems(this.store, this.state, { conversation_id: CONVERSATION, sender_id: "ann", items: [item], create: null, alone: true }, this.#ports(), this.now);
  }

  #ports() {
    return { settings: () => DEFAULT_SETTINGS, erased: (seqs: readonly number[]) => this.sealing.erased(seqs) };
  }

  #open(): [ConversationState, Sealing] {
    const state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    const put = async (key: string, ndjson: string, metadata: Record<string, string>): Promise<void> => {
      this.during();
      const fails = this.failing.left > 0;
      this.failing.left -= fails ? 1 : 0;
      if (!fails || this.failing.arrived) {
        this.puts.push({ key, ndjson, metadata });
        this.bucket.set(key, { key, ndjson, metadata });
      }
      if (fails) throw new Error("the bucket does not answer");
    };
    const holds = async (key: string, sha256: string): Promise<boolean> => {
      this.looks += 1;
      this.during();
      return this.bucket.get(key)?.metadata["confab-sha256"] === sha256;
    };
    return [state, new Sealing(this.store, state, { bucket: { put, holds }, settings: () => this.rule, now: () => this.now })];
  }
}
