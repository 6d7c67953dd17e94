// Puts together what knows of receipts: watermarks, who is told of them, and who gets again what they did not acknowledge.
import type { DeliverReply } from "../../protocol/rpc.ts";
import type { StatusCall } from "../../protocol/rpc/receipts.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Fanout } from "./fanout.ts";
import { Receipts } from "./receipts.ts";
import { Redelivery } from "./redelivery.ts";
import type { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { ReceiptsStore } from "./store/receipts.ts";
import { Telling } from "./telling.ts";

export interface AcknowledgingPorts {
  settings(): Pick<Settings, "receipts_every_ms" | "credit_events">;
  now(): number;
  later(ms: number, run: () => void): void;
  arm(): void;
  tell(userId: string, call: StatusCall): Promise<DeliverReply>;
  tellingFailed(userId: string, error: unknown): void;
}

export interface Acknowledging {
  receipts: Receipts;
  redelivery: Redelivery;
}

export function openAcknowledging(store: ConversationStore, state: ConversationState, fanout: Fanout, ports: AcknowledgingPorts): Acknowledging {
  const now = () => ports.now();
  const rows = new ReceiptsStore(store.sql);
  const telling = new Telling(state.record.conversation_id, {
    call: (userId, call) => ports.tell(userId, call),
    reachable: (userId) => fanout.live.reachable(userId),
    answered: (userId, reply) => fanout.live.heardOf(userId, reply),
    failed: (userId, error) => ports.tellingFailed(userId, error),
  });
  const receipts: Receipts = new Receipts(store, rows, state, {
    everyMs: () => ports.settings().receipts_every_ms, later: (ms, run) => ports.later(ms, run), now, telling,
    acknowledged: (userId, delivered) => redelivery.acknowledged(userId, delivered),
    landed: (userId) => fanout.landed(userId),
    settles: (seq) => fanout.rounds.settles(seq),
  });
  const redelivery = new Redelivery(rows, state, {
    now, arm: () => ports.arm(),
    expected: () => ports.settings().credit_events > 0,
    deliveredTo: (stay) => receipts.deliveredTo(stay),
    again: (stay, delivered) => fanout.again(stay, delivered),
  });
  return { receipts, redelivery };
}
