// What a conversation keeps in memory of its newest events: few enough bytes for many conversations in one process.
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { Batches } from "../../durable-objects/conversation/batches.ts";
import { createDirect } from "../../durable-objects/conversation/create.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { CONTENT_BYTES } from "../../protocol/limits.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";

const CONVERSATION = `d.${"0".repeat(64)}`;

function filled(messages: number, units: number): { batches: Batches; reads: () => number } {
  const sql = nodeSql(new DatabaseSync(":memory:"));
  let reads = 0;
  const all = sql.all.bind(sql);
  sql.all = (query, ...bindings) => {
    reads += 1;
    return all(query, ...bindings);
  };
  const store = new ConversationStore(sql);
  createDirect(store, CONVERSATION, ["ann", "bob"], null);
  const state = new ConversationState(store, store.readConversation() as ConversationRecord);
  const batches = new Batches(store, { conversation_id: CONVERSATION, epoch: 1 });
  for (let i = 1; i <= messages; i += 1) {
    const item = { client_msg_id: `k${i}`, device_id: null, content: "x".repeat(units), content_type: "text" as const };
    const { events } = appendItems(store, state, { conversation_id: CONVERSATION, sender_id: "ann", items: [item], create: null, alone: true }, NO_CHANGES, 1_800_000_000_000);
    batches.remember(events.map((event) => ({ ...event, content_hash: null })));
  }
  reads = 0;
  return { batches, reads: () => reads };
}

test("[memory] small events are delivered without a read, large ones are read again once they are many", () => {
  const small = filled(300, 100);
  expect(small.batches.forRecipient("bob", { from: 1, to: 300 }, 1).events?.from_seq).toBe(1);
  expect(small.reads()).toBe(0);
  const large = filled(300, CONTENT_BYTES);
  expect(large.batches.forRecipient("bob", { from: 290, to: 300 }, 1).events?.from_seq).toBe(290);
  expect(large.reads()).toBe(0);
  // 300 of the largest are 19 MB.
  expect(large.batches.forRecipient("bob", { from: 200, to: 210 }, 1).events).toMatchObject({ from_seq: 200, to_seq: 210 });
  expect(large.reads()).toBe(1);
});

test("[memory] joined texts of many different runs are not all kept", () => {
  const { batches } = filled(60, CONTENT_BYTES);
  const run = (from: number) => batches.forRecipient("bob", { from, to: 60 }, 1).events;
  const first = run(1);
  expect(run(1)).toBe(first);
  // Together they are 120 MB.
  for (let from = 2; from <= 59; from += 1) expect(run(from)?.to_seq).toBe(60);
  expect(run(1)).not.toBe(first);
  expect(run(1)?.json.length).toBe(first?.json.length);
});
