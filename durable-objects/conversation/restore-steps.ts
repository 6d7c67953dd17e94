// The steps of a restore as the object takes them. Each looks at where the restoring stands, and may come again.
import { errorFields, log } from "../../log/log.ts";
import type { KnownHead, RestoreState, RestoreStep } from "../../protocol/restore-calls.ts";
import type { Refusal, Result } from "../../protocol/rpc.ts";
import type { Settings } from "../../protocol/settings.ts";
import { Gate } from "../platform/gate.ts";
import { WrongEvent } from "./replay.ts";
import { commitRestoredReceipts } from "./restored-receipts.ts";
import { Restoring } from "./restoring.ts";
import type { ConversationStore } from "./store.ts";

/** A session that takes longer to say how far it had a conversation no longer holds up the others. */
const SLOW_MS = 25;

export interface RestorePorts {
  /** The one of this life of the object. */
  store(): ConversationStore;
  /** The conversation that is open here; null where none is, or it is not to be used. */
  own(): KnownHead | null;
  /** The archive has this: more than there is means that some of it is gone. */
  compare(known: KnownHead | null): unknown;
  /** Closes what is open: nothing of it commits any more. */
  close(): void;
  /** Opens the conversation that was restored. */
  revive(): void;
  /** How far a user's inbox has it. */
  knownBy(userId: string): Promise<KnownHead | null>;
  settings(): Settings;
  now(): number;
}

type Answer = Result<{ restore: RestoreState }>;

const conflict = (message: string): Refusal => ({ ok: false, code: "archive_conflict", message });
const NOT_BEGUN = conflict("This epoch is not being restored.");

export async function takeStep(step: RestoreStep, ports: RestorePorts): Promise<Answer> {
  switch (step.step) {
    case "look": return state(ports);
    case "begin": return begin(step, ports);
    case "events": return add(step, ports);
    case "receipts": return addReceipts(step, ports);
    case "finish": return finish(step, ports);
  }
}

function state(ports: RestorePorts, unasked = 0): Answer {
  return { ok: true, restore: new Restoring(ports.store()).state(ports.own(), unasked) };
}

function begin(step: Extract<RestoreStep, { step: "begin" }>, ports: RestorePorts): Answer {
  ports.compare(step.known);
  const own = ports.own();
  // The answer to the last step may have been lost.
  if (own?.epoch === step.epoch) return state(ports);
  if (own !== null && !step.force) return conflict("The conversation is well.");
  const { epoch } = new Restoring(ports.store()).state(own);
  if (step.epoch < epoch || (own !== null && step.epoch === epoch)) return conflict(`It is of epoch ${epoch}.`);
  ports.close();
  new Restoring(ports.store()).begin(step.conversation_id, { epoch: step.epoch, head_seq: step.head_seq }, step.known?.seq ?? 0, ports.now());
  return state(ports);
}

function add(step: Extract<RestoreStep, { step: "events" }>, ports: RestorePorts): Answer {
  const restoring = new Restoring(ports.store());
  const record = restoring.read();
  if (ports.own()?.epoch === step.epoch) return state(ports);
  if (record?.state !== "restoring" || record.epoch !== step.epoch) return NOT_BEGUN;
  try {
    restoring.add(record, step.events);
  } catch (error) {
    if (error instanceof WrongEvent) return conflict(error.message);
    throw error;
  }
  return state(ports);
}

function addReceipts({ epoch, receipts }: Extract<RestoreStep, { step: "receipts" }>, ports: RestorePorts): Answer {
  if (ports.own()?.epoch === epoch) return state(ports);
  const restoring = new Restoring(ports.store());
  const record = restoring.read();
  if (record?.state !== "restoring" || record.epoch !== epoch) return NOT_BEGUN;
  // Whose stays they are is known once all events are there.
  if (restoring.state(null).next_seq !== record.head_seq + 1) return conflict("The events are not all there.");
  commitRestoredReceipts(ports.store(), record, receipts);
  return state(ports);
}

async function finish({ epoch, chain, pair }: Extract<RestoreStep, { step: "finish" }>, ports: RestorePorts): Promise<Answer> {
  if (ports.own()?.epoch === epoch) return state(ports);
  const restoring = new Restoring(ports.store());
  const record = restoring.read();
  if (record?.state !== "restoring" || record.epoch !== epoch) return NOT_BEGUN;
  const unfit = restoring.unfit(record, chain, pair);
  if (unfit !== null) return conflict(unfit);
  // Before they are told of the new epoch: how far each of them had the old one.
  const gate = new Gate(() => ports.settings(), SLOW_MS);
  const heads = await Promise.all(restoring.members(pair).map((user_id) => gate.through(() => ports.knownBy(user_id)).catch((error: unknown) => {
    log("warn", "head_unasked", { conversation_id: record.conversation_id, user_id, ...errorFields(error) });
    return "unasked" as const;
  })));
  const known = Math.max(0, ...heads.map((head) => (head === null || head === "unasked" || head.epoch >= epoch ? 0 : head.seq)));
  // Meanwhile the same step may have come again.
  if (ports.own() === null && restoring.read()?.state === "restoring") {
    restoring.finish(record, pair, known, ports.settings(), ports.now());
    ports.revive();
  }
  return state(ports, heads.filter((head) => head === "unasked").length);
}
