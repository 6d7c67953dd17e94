// What must be so once the network is well again and all has come to rest.
import type { ConfabClient } from "../../../client/client.ts";
import type { Device } from "./device.ts";
import { differs, type History } from "./truth.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** The rule, and how it is broken. */
export type Breach = readonly [rule: string, what: string];

/** What all devices have in the end; empty: all is as it should be. */
export function* unsettled(world: World, witness: Witness): Generator<Breach> {
  for (const device of world.devices) yield* ofDevice(device, witness);
  for (const sent of witness.sent.values()) {
    if (sent.seq === null && sent.failed === null) yield ["every message is settled", `${sent.client_msg_id} of ${sent.device.device_id} is still on its way`];
  }
}

function* ofDevice({ device_id, user_id, client }: Device, witness: Witness): Generator<Breach> {
  if (client.state.kind !== "open") yield ["every device is connected", `${device_id} is ${client.state.kind}`];
  for (const history of witness.histories.values()) {
    const where = `${device_id} in ${history.conversation_id.slice(0, 12)}`;
    const waiting = client.unsettled(history.conversation_id).filter(({ state }) => state === "PENDING" || (state === "SENT" && history.isMember(user_id)));
    if (waiting.length > 0) yield ["the outbox is empty", `${where}: ${waiting.map((sending) => `${sending.client_msg_id} ${sending.state}`).join()}`];
    const conversation = client.conversation(history.conversation_id);
    const listed = client.conversations().some((row) => row.conversation_id === history.conversation_id);
    if (!history.isMember(user_id)) {
      if (conversation !== null || listed) yield ["who has left has the conversation no more", where];
      continue;
    }
    if (conversation === null || !listed) {
      yield ["who is a member has the conversation", where];
      continue;
    }
    if (conversation.cursor.seq !== history.head) yield ["every timeline is complete", `${where} is at ${conversation.cursor.seq} of ${history.head}`];
    yield* ofTimeline(where, user_id, conversation.events, history);
  }
}

function* ofTimeline(where: string, user_id: string, events: ReturnType<typeof eventsOf>, history: History): Generator<Breach> {
  let before = events[0] === undefined ? 0 : events[0].seq - 1;
  for (const slot of events) {
    // What one saw in an earlier stay one may keep, and can't read again.
    for (let seq = Math.max(before + 1, history.joined(user_id) ?? 0); seq < slot.seq; seq++) if (history.sees(user_id, seq)) yield ["every timeline is dense", `${where} lacks ${seq}`];
    before = slot.seq;
    const difference = differs(slot, history.at(slot.seq), history.standing(slot.seq));
    if (difference !== null) yield ["every timeline is the history", `${where}, seq ${slot.seq}: ${difference}`];
    if (slot.type !== "skip" && !history.sees(user_id, slot.seq)) yield ["nobody sees outside their stay", `${where}: seq ${slot.seq}`];
  }
}

function eventsOf(client: ConfabClient, conversation_id: string) {
  return client.conversation(conversation_id)?.events ?? [];
}

/** After every device has read its older pages: what it has begins where its user's stay does. */
export function* unread(world: World, witness: Witness): Generator<Breach> {
  for (const { device_id, user_id, client } of world.devices) {
    for (const history of witness.histories.values()) {
      const joined = history.joined(user_id);
      const conversation = client.conversation(history.conversation_id);
      if (joined === null || conversation === null || history.head === 0) continue;
      const where = `${device_id} in ${history.conversation_id.slice(0, 12)}`;
      if (conversation.older.kind !== "none") yield ["older pages come to their beginning", `${where}: ${conversation.older.kind}`];
      const seen = new Set(conversation.events.map((slot) => slot.seq));
      for (const { seq } of history.facts) if (history.sees(user_id, seq) && seq >= joined && !seen.has(seq)) yield ["what one may see is there", `${where} lacks ${seq}`];
      yield* ofTimeline(where, user_id, conversation.events, history);
    }
  }
}

/** Receipts and counts: the same everywhere, and what follows from the history. */
export function* uncounted(world: World, witness: Witness): Generator<Breach> {
  for (const history of witness.histories.values()) {
    for (const user_id of history.members) {
      const [delivered, read] = witness.marksOf(history.conversation_id, user_id);
      const where = `${user_id} in ${history.conversation_id.slice(0, 12)}`;
      const newest = history.messagesAfter(0).findLast((fact) => fact.sender_id !== user_id && history.sees(user_id, fact.seq) && fact.seq > (history.joined(user_id) ?? 0))?.seq ?? 0;
      if (delivered < newest) yield ["what has arrived is DELIVERED", `${where}: ${delivered} of ${newest}`];
      const reached = Math.max(read, history.lastOwn(user_id));
      const count = history.messagesAfter(Math.max(reached, (history.joined(user_id) ?? 1) - 1)).length;
      // In the modes of large groups no inbox is written per message.
      if (world.home("conversation", history.conversation_id).storage.rows("SELECT mode FROM conversation")[0]?.["mode"] !== "write") continue;
      const row = world.home("session", user_id).storage.rows("SELECT head_msg_no, read_msg_no FROM inbox WHERE conversation_id = ?", history.conversation_id)[0];
      const stored = row === undefined ? null : Math.max(0, (row["head_msg_no"] as number) - (row["read_msg_no"] as number));
      if (stored !== count) yield ["every inbox counts what is unread", `${where}: ${stored} and not ${count} (read ${read}, head ${history.head})`];
    }
  }
}

/** After a resume, whoever wrote something knows how many have it. */
export function* untold(world: World, witness: Witness): Generator<Breach> {
  // Who polls does not resume: what they missed, they ask for.
  for (const { device_id, user_id, client } of world.devices.filter(({ polls }) => !polls)) {
    for (const history of witness.histories.values()) {
      const seq = history.lastOwn(user_id);
      if (seq === 0 || seq < (history.joined(user_id) ?? Number.POSITIVE_INFINITY)) continue;
      const marks = history.members.filter((member) => member !== user_id && (history.joined(member) ?? seq) <= seq).map((member) => witness.marksOf(history.conversation_id, member));
      const delivered = marks.filter(([mark]) => mark >= seq).length;
      const read = marks.filter(([, mark]) => mark >= seq).length;
      const status = client.status({ conversation_id: history.conversation_id, seq });
      const told = `${device_id} sees ${status.delivered}/${status.read} of seq ${seq} in ${history.conversation_id.slice(0, 12)}, not ${delivered}/${read}`;
      if (status.delivered < delivered || status.read < read) yield ["whoever wrote sees who has it", told];
    }
  }
}

/** The archive has all of a conversation. */
export function* unarchived(world: World, { conversation_id, head }: History): Generator<Breach> {
  const [row] = world.archive.database.prepare("SELECT count(*) AS rows FROM messages WHERE conversation_id = ? AND seq IS NOT NULL").all(conversation_id);
  if (row?.["rows"] !== head) yield ["all is archived in the end", `${conversation_id.slice(0, 12)}: ${Number(row?.["rows"])} of ${head}`];
}

/** Orders that only the end shows. */
export function* disordered(witness: Witness): Generator<Breach> {
  const last = new Map<string, { seq: number; key: string }>();
  for (const sent of [...witness.sent.values()].toSorted((a, b) => a.no - b.no)) {
    const history = witness.histories.get(sent.conversation_id);
    const seq = history?.seqOf(sent.device.user_id, sent.client_msg_id) ?? null;
    if (sent.failed !== null && sent.isMessage && history?.always(sent.device.user_id) === true) yield ["what a member writes is not refused", `${sent.client_msg_id}: ${sent.failed}`];
    if (sent.failed !== null && sent.seq === null && seq !== null) yield ["what was refused is not there", `${sent.client_msg_id} (${sent.failed}) is seq ${seq}`];
    if (sent.failed !== null || seq === null || !sent.isMessage) continue;
    const lane = `${sent.device.device_id} ${sent.conversation_id}`;
    const before = last.get(lane);
    if (before !== undefined && seq < before.seq) yield ["a device's messages keep their order", `${sent.client_msg_id} is ${seq}, ${before.key} before it ${before.seq}`];
    last.set(lane, { seq, key: sent.client_msg_id });
  }
}

/** When nobody is there any more: nothing waits, and the archive is the history's beginning. */
export function* unfinished(world: World, witness: Witness): Generator<Breach> {
  for (const home of world.homes.values()) {
    if (home.storage.alarm !== null) yield ["nothing stays armed for ever", `${home.label} at +${home.storage.alarm - world.clock.now} ms`];
    if (!home.idle) yield ["nothing stays under way for ever", `${home.label}: ${home.underWay}`];
  }
  if (world.archive.bucket.size > 0) yield ["every segment is archived", [...world.archive.bucket.keys()].join()];
  for (const history of witness.histories.values()) {
    const rows = world.archive.database.prepare("SELECT seq, message_id, sender_id, type, client_msg_id FROM messages WHERE conversation_id = ? AND seq IS NOT NULL ORDER BY seq").all(history.conversation_id);
    const wrong = rows.findIndex((row, i) => {
      const fact = history.at(i + 1);
      return fact === undefined || row["seq"] !== fact.seq || row["message_id"] !== fact.msg_id || row["sender_id"] !== fact.sender_id || row["type"] !== fact.type;
    });
    const where = history.conversation_id.slice(0, 12);
    if (wrong !== -1) yield ["the archive is the history's beginning", `${where}: row ${wrong + 1} is seq ${Number(rows[wrong]?.["seq"])}`];
    if (rows.length !== history.head) yield ["all is archived in the end", `${where}: ${rows.length} of ${history.head}`];
  }
}
