// Sealing over real stores: what is planned is put again exactly as it was planned, whatever happened in between.
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createDirect } from "../../durable-objects/conversation/create.ts";
import { Sealing } from "../../durable-objects/conversation/seal.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { decodeSegment, parseSegmentKey } from "../../protocol/segment.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";

const CONVERSATION = `d.${"0".repeat(64)}`;
const NOW = Date.UTC(2026, 10, 21);
const RULE = { seal_events: 4, seal_after_ms: 1_000, hot_events: 0, hot_days: 0 };

interface Put {
  key: string;
  ndjson: string;
  metadata: Record<string, string>;
}

/** One conversation's object: `wake` makes a new instance on the same rows. */
class Sealed {
  readonly #database = new DatabaseSync(":memory:");
  readonly puts: Put[] = [];
  /** How many of the next PUTs fail, and whether the object got there all the same. */
  failing: { left: number; arrived: boolean } = { left: 0, arrived: false };
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

  append(count: number): void {
    const items = Array.from({ length: count }, () => ({ client_msg_id: `k${this.#sent}`, device_id: null, content: `message ${this.#sent++}`, content_type: "text" as const }));
    appendItems(this.store, this.state, { conversation_id: CONVERSATION, sender_id: "ann", items, create: null, alone: true }, NO_CHANGES, this.now);
  }

  #open(): [ConversationState, Sealing] {
    const state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
    const put = async (key: string, ndjson: string, metadata: Record<string, string>): Promise<void> => {
      const fails = this.failing.left > 0;
      this.failing.left -= fails ? 1 : 0;
      if (!fails || this.failing.arrived) this.puts.push({ key, ndjson, metadata });
      if (fails) throw new Error("the bucket does not answer");
    };
    return [state, new Sealing(this.store, state, { put, settings: () => ({ ...DEFAULT_SETTINGS, ...RULE }), now: () => this.now })];
  }
}

test.each([["never arrived", false], ["arrived, and its answer was lost", true]])("[seal] a PUT that %s is made again with the same key, text and hash, also by a new instance", async (_how, arrived) => {
  const object = new Sealed();
  object.append(4);
  object.failing = { left: 2, arrived };
  await expect(object.sealing.seal()).rejects.toThrow("the bucket");
  // What comes meanwhile does not enter the planned segment.
  object.append(3);
  object.wake();
  await expect(object.sealing.seal()).rejects.toThrow("the bucket");
  expect(object.sealing.sealDue(object.now)).toBe(object.now);
  await object.sealing.seal();
  expect(object.puts.length).toBe(arrived ? 3 : 1);
  for (const put of object.puts) expect(put).toEqual(object.puts[0]);
  const { key, ndjson, metadata } = object.puts[0] as Put;
  expect(parseSegmentKey(key)).toEqual({ conversation_id: CONVERSATION, epoch: 1, from_seq: 1, to_seq: 4 });
  expect(decodeSegment(ndjson).map((event) => event.seq)).toEqual([1, 2, 3, 4]);
  expect(object.store.readSegments()).toEqual([{ from_seq: 1, to_seq: 4, sha256: metadata["confab-sha256"], put: true, acked: false }]);
});

test("[seal] segments follow one another without a hole, and an acknowledgement counts once and in any order", async () => {
  const object = new Sealed();
  for (const count of [4, 4]) {
    object.append(count);
    await object.sealing.seal();
  }
  const [first, second] = object.puts.map(({ key, metadata }) => ({ ...parseSegmentKey(key), count: 4, sha256: metadata["confab-sha256"], format: 1 })) as never[];
  expect(object.sealing.acknowledged(second as never)).toEqual({ ok: true, archived_seq: 0 });
  expect(object.sealing.acknowledged(first as never)).toEqual({ ok: true, archived_seq: 8 });
  object.wake();
  expect(object.sealing.acknowledged(first as never)).toEqual({ ok: true, archived_seq: 8 });
  expect(object.state.marks.archived_seq).toBe(8);
  expect(object.store.readSegments()).toEqual([]);
});

test("[seal] an acknowledgement of another hash, range or epoch is a conflict and moves nothing", async () => {
  const object = new Sealed();
  object.append(4);
  await object.sealing.seal();
  const { key, metadata } = object.puts[0] as Put;
  const head = { ...parseSegmentKey(key), count: 4, sha256: metadata["confab-sha256"], format: 1 };
  for (const wrong of [{ sha256: "0".repeat(64) }, { to_seq: 3 }, { from_seq: 2 }, { epoch: 2 }]) {
    expect(object.sealing.acknowledged({ ...head, ...wrong } as never)).toEqual({ ok: false, code: "archive_conflict" });
  }
  expect(object.state.marks.archived_seq).toBe(0);
  object.sealing.prune(object.now + 1);
  expect(object.store.readEvent(1)?.body).not.toBeNull();
});
