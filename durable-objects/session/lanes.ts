// The way from a user's devices to conversations: one lane per conversation. While one append call is under way, what comes
// in queues and rides in the next as a batch. A call whose answer is lost is made again, in order, before what follows it.
import type { Head } from "../../protocol/frames/sync.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import { type AppendAnswer, type AppendCall, type AppendItem, type AppendReply, type Early, isChange } from "../../protocol/rpc.ts";
import { log, errorFields } from "../../log/log.ts";
import { count } from "../platform/metrics.ts";
import { again } from "./again.ts";
import { Holding } from "./holding.ts";

const BATCH_ITEMS = 256;
const BATCH_UNITS = 1024 * 1024;

const UNAVAILABLE: AppendAnswer = { ok: false, code: "unavailable", retry_after_ms: 1_000 };

export interface LanePorts {
  userId(): string;
  /** How far the user's inbox has a conversation. */
  known(conversationId: string): KnownHead | null;
  append(conversationId: string, call: AppendCall): Promise<AppendReply>;
  /** May this user begin a conversation with that one? */
  reachable(userId: string): Promise<"yes" | "unknown" | "blocked">;
  /** Do these devices make up all of the user's open sockets? */
  alone(deviceIds: ReadonlySet<string | null>): boolean;
  gen(): number;
  /** The user's devices but these were pushed nothing of what went in up to here. */
  missed(head: Head, deviceIds: ReadonlySet<string | null>): void;
}

interface Waiting {
  item: AppendItem;
  answer: (answer: AppendAnswer) => void;
  /** While its file is claimed: what came behind it waits with it. Never rejects. */
  preparing?: Promise<void>;
}

interface Lane {
  queue: Waiting[];
  held: Holding<Waiting>;
  /** Both users, where a message was addressed `to` one. */
  pair: [string, string] | null;
  running: boolean;
}

export class Lanes {
  private readonly lanes = new Map<string, Lane>();
  private readonly ports: LanePorts;

  constructor(ports: LanePorts) {
    this.ports = ports;
  }

  /** @param prepared what `item` becomes before it is sent; must not reject */
  add(conversationId: string, pair: [string, string] | null, item: AppendItem, answer: (answer: AppendAnswer) => void, prepared?: Promise<AppendItem>): void {
    const lane = this.lanes.get(conversationId) ?? this.open(conversationId);
    const waiting: Waiting = { item, answer };
    if (prepared !== undefined) {
      waiting.preparing = prepared.then((ready) => {
        waiting.item = ready;
        delete waiting.preparing;
      });
    }
    lane.queue.push(waiting);
    lane.pair ??= pair;
    this.start(conversationId, lane);
  }

  /** Is something on its way to this conversation? */
  busy(conversationId: string): boolean {
    return this.lanes.has(conversationId);
  }

  private open(conversationId: string): Lane {
    const lane: Lane = {
      queue: [], pair: null, running: false,
      held: new Holding((due) => {
        lane.queue.unshift(...due);
        this.start(conversationId, lane);
      }),
    };
    this.lanes.set(conversationId, lane);
    return lane;
  }

  private start(conversationId: string, lane: Lane): void {
    if (lane.running) return;
    lane.running = true;
    // After this turn, so that all frames of one array go in together.
    queueMicrotask(() => void this.run(conversationId, lane));
  }

  private async run(conversationId: string, lane: Lane): Promise<void> {
    while (lane.queue.length > 0) {
      const preparing = lane.queue[0]?.preparing;
      if (preparing !== undefined) {
        await preparing;
        continue;
      }
      const batch = lane.queue.splice(0, fitting(lane.queue));
      const answers = await this.appendAll(conversationId, lane, batch.map((waiting) => waiting.item));
      // What is to be sent again must not be overtaken by what came behind it.
      const lost = answers.some((answer) => !answer.ok && answer.code === "unavailable");
      const behind = lost ? [...lane.held.abandon(), ...lane.queue.splice(0)] : [];
      const now = Date.now();
      batch.forEach((waiting, i) => this.answered(lane, waiting, answers[i] as AppendAnswer | Early, lost, now));
      for (const waiting of behind) waiting.answer(UNAVAILABLE);
    }
    lane.running = false;
    if (lane.held.empty) this.lanes.delete(conversationId);
  }

  private answered(lane: Lane, waiting: Waiting, answer: AppendAnswer | Early, lost: boolean, now: number): void {
    const { item } = waiting;
    if (answer.ok || answer.code !== "early") {
      waiting.answer(answer as AppendAnswer);
      if (!answer.ok || isChange(item) || item.client_sequence_number === undefined) return;
      lane.queue.unshift(...lane.held.committed(item.device_id, item.client_sequence_number, now));
    } else if (lost || isChange(item)) waiting.answer(UNAVAILABLE);
    else lane.queue.unshift(...lane.held.hold(waiting, item, now));
  }

  private async appendAll(conversationId: string, lane: Lane, items: AppendItem[]): Promise<(AppendAnswer | Early)[]> {
    const refused = (code: "not_found" | "unknown_user" | "forbidden" | "unavailable") => items.map((): AppendAnswer => (code === "unavailable" ? UNAVAILABLE : { ok: false, code }));
    const devices = new Set(items.map((item) => item.device_id));
    const alone = this.ports.alone(devices);
    const call = { conversation_id: conversationId, sender_id: this.ports.userId(), items, create: null, alone, gen: this.ports.gen(), known: this.ports.known(conversationId) };
    try {
      const reply = await this.reliably(conversationId, call);
      if (reply.kind === "answers") return this.told(call.alone, devices, reply.answers);
      if (lane.pair === null) return refused("not_found");
      // The conversation does not exist yet: only now does it matter whether the other user does.
      const peer = lane.pair.find((user) => user !== this.ports.userId());
      const reachable = peer === undefined ? "yes" : await this.ports.reachable(peer);
      if (reachable !== "yes") return refused(reachable === "blocked" ? "forbidden" : "unknown_user");
      const created = await this.reliably(conversationId, { ...call, create: lane.pair });
      return created.kind === "answers" ? this.told(call.alone, devices, created.answers) : refused("unavailable");
    } catch (error) {
      count("append_failures");
      log("warn", "append_failed", { conversation_id: conversationId, user_id: this.ports.userId(), ...errorFields(error) });
      return refused("unavailable");
    }
  }

  /** Another device may have come while the call was under way: the conversation thinks that there is none. */
  private told<A extends AppendAnswer | Early>(alone: boolean, devices: ReadonlySet<string | null>, answers: A[]): A[] {
    const newest = answers.findLast((answer) => answer.ok);
    if (alone && newest?.ok === true && !this.ports.alone(devices)) {
      const { conversation_id, epoch, seq } = newest.ack;
      this.ports.missed({ conversation_id, epoch, head_seq: seq }, devices);
    }
    return answers;
  }

  /** The outcome of a failed call is unknown: the same keys make it safe to call again. */
  private reliably(conversationId: string, call: AppendCall): Promise<AppendReply> {
    return again(() => this.ports.append(conversationId, call));
  }
}

/** How many of the oldest fit one call: at least one. */
function fitting(queue: readonly Waiting[]): number {
  let units = 0;
  let fits = 0;
  for (const { item, preparing } of queue) {
    units += "content" in item ? item.content.length : 0;
    if ("media" in item) units += JSON.stringify(item.media).length;
    if (preparing !== undefined || (fits > 0 && (fits >= BATCH_ITEMS || units > BATCH_UNITS))) break;
    fits += 1;
    // It is to be sent again, and what is behind it then must not be in before it.
    if ("refused" in item && item.refused?.code === "unavailable") break;
  }
  return fits;
}
