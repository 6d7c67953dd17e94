// Opening a conversation that is there: its parts, and how they know of one another.
import { errorFields, log } from "../../log/log.ts";
import type { KnownHead } from "../../protocol/restore-calls.ts";
import { archiveOn, blobOf, type Env, type sessionOf } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { type AlarmClock, Tasks } from "../platform/tasks.ts";
import { currentSettings } from "../settings/current.ts";
import { openAcknowledging } from "./acknowledging.ts";
import { Attached } from "./attached.ts";
import { Fanout } from "./fanout.ts";
import { Groups } from "./groups.ts";
import { connectLine } from "./line-socket.ts";
import { releaseTask } from "./media.ts";
import type { FilesKept } from "./shown.ts";
import { Indexing } from "./search/indexing.ts";
import type { Opened } from "./opened.ts";
import { Sealing } from "./seal.ts";
import { segmentBucket } from "./segment-bucket.ts";
import { ConversationState } from "./state.ts";
import type { ConversationStore } from "./store.ts";
import { Typing } from "./typing.ts";
import { AttachedStore } from "./store/attached.ts";

export interface OpenPorts {
  env: Env;
  through<T>(userId: string, call: (stub: ReturnType<typeof sessionOf>) => Promise<T>): Promise<T>;
  /** A session's inbox has more of it than it was settled with. */
  known(conversationId: string, known: KnownHead): void;
}

/** @param alarm what stands, ms; null for none. Arms what is due. */
export function openConversation(store: ConversationStore, clock: AlarmClock, alarm: number | null, ports: OpenPorts): Opened {
  const record = store.readConversation();
  if (record === null) throw new Error("the conversation's row is missing");
  const state = new ConversationState(store, record);
  const settings = () => currentSettings(ports.env);
  const attached = new Attached(new AttachedStore(store.sql));
  const fanout: Fanout = new Fanout(store, state, attached, {
    deliver: (userId, call) => ports.through(userId, (stub) => stub.deliver(call)),
    settings, now: () => Date.now(),
    arm: () => tasks.arm(Date.now()),
    failed: (user_id, error) => log("warn", "delivery_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
    push: (userId, call) => ports.through(userId, (stub) => stub.push(call)),
    readBy: (stay) => acknowledging.receipts.readBy(stay),
    pushed: (stay, seq) => acknowledging.redelivery.pushed(stay, seq),
    known: (known) => ports.known(record.conversation_id, known),
    line: {
      connect: (request, ends) => ports.through(request.user_id, (stub) => connectLine(stub, request, ends)),
      every: (ms, run) => {
        const timer = setInterval(run, ms);
        return () => clearInterval(timer);
      },
    },
    turn: () => new Promise((resolve) => {
      setTimeout(resolve, 0);
    }),
  });
  const acknowledging = openAcknowledging(store, state, fanout, {
    settings, now: () => Date.now(),
    later: (ms, run) => void setTimeout(run, ms),
    arm: () => tasks.arm(Date.now()),
    tell: (userId, call) => ports.through(userId, (stub) => stub.told(call)),
    tellingFailed: (user_id, error) => log("warn", "status_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
  });
  const typing = new Typing(record.conversation_id, attached, {
    call: (userId, shown) => ports.through(userId, (stub) => stub.typingShown(shown)),
    answered: (userId, reply) => fanout.live.heardOf(userId, reply),
    failed: (user_id, error) => log("warn", "typing_failed", { conversation_id: record.conversation_id, user_id, ...errorFields(error) }),
    now: () => Date.now(),
  });
  const bucket = archiveOn(ports.env) ? ports.env.SEGMENTS : undefined;
  const sealing = new Sealing(store, state, {
    bucket: bucket === undefined ? null : segmentBucket(bucket),
    settings, now: () => Date.now(), prunableSeq: () => indexing.prunableSeq,
  });
  const indexing = new Indexing(store, state, {
    settings, now: () => Date.now(),
    pause: () => new Promise((resolve) => {
      setTimeout(resolve, 0);
    }),
  });
  const tasks: Tasks = new Tasks(clock, alarm, [
    { name: "settle", dueAt: () => fanout.rounds.settleDue(), run: () => fanout.rounds.settle() },
    { name: "lagging", dueAt: () => fanout.rounds.laggingDue(), run: (now) => fanout.rounds.settleLagging(now) },
    { name: "redelivery", dueAt: (now) => acknowledging.redelivery.due(now), run: (now) => acknowledging.redelivery.run(now) },
    { name: "index", dueAt: (now) => indexing.due(now), run: () => indexing.run() },
    { name: "seal", dueAt: (now) => sealing.sealDue(now), run: () => sealing.seal() },
    { name: "chain", dueAt: (now) => sealing.chainDue(now), run: async () => sealing.catchUpChain() },
    { name: "prune", dueAt: (now) => sealing.pruneDue(now), run: async (now) => sealing.prune(now) },
    { name: "tidy_index", dueAt: (now) => indexing.tidyDue(now), run: () => indexing.tidy() },
    releaseTask(store, state, (mediaKey, call) => blobOf(ports.env, mediaKey).release(call)),
  ], (task, error) => {
    count("task_failures");
    log("error", "task_failed", { conversation_id: record.conversation_id, task, ...errorFields(error) });
  });
  tasks.arm(Date.now());
  return { state, fanout, attached, groups: new Groups(store, state), receipts: acknowledging.receipts, typing, sealing, indexing, tasks };
}

/** How long files are kept now. */
export function filesKept(env: Env): FilesKept {
  return { ms: currentSettings(env).media_retention_ms, now: Date.now() };
}
