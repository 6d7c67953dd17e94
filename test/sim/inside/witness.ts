// Watches while it happens: what becomes durable, what devices are told. Each rule is checked at the moment in which it could break.
import type { ChatEvent, ConfabClient, Sending } from "../../../client/client.ts";
import type { Device } from "./device.ts";
import type { Home } from "./runtime/objects.ts";
import { type Fact, History } from "./truth.ts";

/** A message or change that a person has sent. */
export interface Sent {
  device: Device;
  conversation_id: string;
  client_msg_id: string;
  isMessage: boolean;
  /** The highest seq of the conversation that anybody had an acknowledgement for, as this was sent. */
  after: number;
  /** The order in which its device sent. */
  no: number;
  seq: number | null;
  failed: string | null;
}

export interface WitnessPorts {
  broken(rule: string, what: string): void;
  /** Rows of the archive's store, of one conversation. */
  archivedRows(conversation_id: string, to: number): number;
}

interface Seen {
  /** By conversation and epoch. */
  readonly last: Map<string, number>;
  readonly marks: Map<string, [delivered: number, read: number]>;
}

export class Witness {
  readonly histories = new Map<string, History>();
  readonly sent = new Map<string, Sent>();
  /** By conversation: the highest seq that was acknowledged to anybody. */
  readonly acknowledged = new Map<string, number>();
  readonly #ports: WitnessPorts;
  readonly #pairs = new Map<string, readonly [string, string]>();
  /** By user, conversation and epoch. */
  readonly #settled = new Map<string, number>();
  readonly #marks = new Map<string, Map<string, [number, number]>>();
  events = 0;

  constructor(ports: WitnessPorts) {
    this.#ports = ports;
  }

  /** A direct conversation that there may be. */
  pair(conversation_id: string, pair: readonly [string, string]): void {
    this.#pairs.set(conversation_id, pair);
  }

  /** A conversation's writes are durable. */
  committed(home: Home): void {
    if (!home.storage.exists) return;
    if (home.kind === "session") this.#inboxes(home);
    if (home.kind !== "conversation") return;
    const { storage, name } = home;
    const history = this.histories.get(name) ?? new History(name, this.#pairs.get(name) ?? []);
    this.histories.set(name, history);
    if (history.isLost) return;
    try {
      for (const row of storage.rows("SELECT seq, msg_id, msg_no, type, sender_id, client_msg_id, body FROM events WHERE seq > ? ORDER BY seq", history.head)) {
        history.add({ ...row, body: row["body"] === null ? {} : JSON.parse(row["body"] as string) } as unknown as Fact);
      }
      this.#head(home, history);
      this.#receipts(home, history);
    } catch (error) {
      this.#ports.broken("the history is dense, unique and increasing", `${name.slice(0, 12)}: ${(error as Error).message}`);
    }
  }

  /** Nothing that was durable is gone, and nothing is pruned that is not archived. */
  #head({ storage }: Home, history: History): void {
    const { head } = storage.rows("SELECT max(seq) AS head FROM events")[0] as unknown as { head: number | null };
    if ((head ?? 0) < history.head) throw new Error(`the head went back from ${history.head} to ${head}`);
    const marks = storage.rows("SELECT archived_seq, pruned_seq FROM watermarks")[0] as unknown as { archived_seq: number; pruned_seq: number };
    if (marks.archived_seq < history.archived_seq) throw new Error(`archived_seq went back from ${history.archived_seq} to ${marks.archived_seq}`);
    if (marks.pruned_seq > marks.archived_seq) throw new Error(`pruned up to ${marks.pruned_seq}, archived up to ${marks.archived_seq}`);
    if (marks.archived_seq === history.archived_seq) return;
    history.archived_seq = marks.archived_seq;
    const rows = this.#ports.archivedRows(history.conversation_id, marks.archived_seq);
    if (rows !== marks.archived_seq) throw new Error(`archived up to ${marks.archived_seq}, and the archive has ${rows} rows of it`);
  }

  /** A settle moves an inbox forward, or to another epoch. */
  #inboxes({ storage, name }: Home): void {
    for (const { conversation_id, epoch, settled_seq } of storage.rows("SELECT conversation_id, epoch, settled_seq FROM inbox") as unknown as { conversation_id: string; epoch: number; settled_seq: number }[]) {
      const place = `${name} ${conversation_id} ${epoch}`;
      const before = this.#settled.get(place) ?? 0;
      if (settled_seq < before) this.#ports.broken("an inbox never goes back", `${name} in ${conversation_id.slice(0, 12)}: ${settled_seq} after ${before}`);
      this.#settled.set(place, settled_seq);
    }
  }

  #receipts({ storage }: Home, history: History): void {
    const known = this.#marks.get(history.conversation_id) ?? new Map<string, [number, number]>();
    this.#marks.set(history.conversation_id, known);
    for (const { body } of storage.rows("SELECT body FROM receipts")) {
      for (const [user_id, joined_seq, delivered, , read] of JSON.parse(body as string) as [string, number, number, number, number][]) {
        const key = `${user_id} ${joined_seq}`;
        const [was_delivered, was_read] = known.get(key) ?? [0, 0];
        if (delivered < was_delivered || read < was_read) throw new Error(`the receipts of ${user_id} went back from ${was_delivered}/${was_read} to ${delivered}/${read}`);
        if (delivered > history.head) throw new Error(`${user_id} has ${delivered} of ${history.head}`);
        known.set(key, [delivered, read]);
      }
    }
  }

  /** Its storage is gone. */
  lost(history: History): void {
    history.isLost = true;
    history.restored += 1;
    // What the archive was not handed yet of receipts is gone with it.
    this.#marks.delete(history.conversation_id);
  }

  /** It is there again, from the archive: all of it, as it was. */
  restored(home: Home, history: History): void {
    history.isLost = false;
    const rows = home.storage.rows("SELECT seq, msg_id, type, sender_id, client_msg_id FROM events ORDER BY seq");
    const wrong = history.facts.findIndex((fact, i) => {
      const row = rows[i];
      return row === undefined || (["seq", "msg_id", "type", "sender_id", "client_msg_id"] as const).some((name) => row[name] !== fact[name]);
    });
    if (wrong !== -1) this.#ports.broken("what is restored is what happened", `${home.label}: seq ${wrong + 1}`);
    this.committed(home);
  }

  /** The stored watermarks of a member's present stay. */
  marksOf(conversation_id: string, user_id: string): [number, number] {
    const joined = this.histories.get(conversation_id)?.joined(user_id);
    return this.#marks.get(conversation_id)?.get(`${user_id} ${joined}`) ?? [(joined ?? 1) - 1, (joined ?? 1) - 1];
  }

  send(device: Device, conversation_id: string, sending: Sending): void {
    this.sent.set(sending.client_msg_id, {
      device, conversation_id, client_msg_id: sending.client_msg_id, isMessage: sending.isMessage,
      after: this.acknowledged.get(conversation_id) ?? 0, no: this.sent.size, seq: null, failed: null,
    });
  }

  /** A device begins, or begins anew. */
  listen(device: Device, client: ConfabClient): void {
    const seen: Seen = { last: new Map(), marks: new Map() };
    client.on("sending", (sending) => this.#told(device, sending));
    client.on("event", (event) => this.#arrived(device, seen, event));
    client.on("conversation", (conversation_id) => this.#watermarks(device, client, seen, conversation_id));
  }

  #told(device: Device, sending: Sending): void {
    const sent = this.sent.get(sending.client_msg_id);
    if (sent === undefined) return;
    if (sending.state === "FAILED") sent.failed = sending.error?.code ?? "?";
    if (sending.state !== "SENT" || sending.ack === null) return;
    const { seq, conversation_id } = sending.ack;
    const history = this.histories.get(conversation_id);
    const fact = history?.at(seq);
    const told = `${device.device_id} was told that ${sent.client_msg_id} is seq ${seq} of ${conversation_id.slice(0, 12)}`;
    if (fact === undefined) return this.#ports.broken("what is acknowledged is durable", `${told}; the head is ${history?.head ?? 0}`);
    if (sent.isMessage && (fact.client_msg_id !== sent.client_msg_id || fact.sender_id !== device.user_id)) this.#ports.broken("what is acknowledged is that message", `${told}, which is ${fact.client_msg_id}`);
    if (sent.seq !== null && sent.seq !== seq) this.#ports.broken("a key has one seq", `${told} and ${sent.seq} before`);
    // A change that stood already is told where it stands.
    if (sent.isMessage && seq <= sent.after) this.#ports.broken("what was acknowledged before it was sent is before it", `${told}, which is not after ${sent.after}`);
    sent.seq = seq;
    this.acknowledged.set(conversation_id, Math.max(seq, this.acknowledged.get(conversation_id) ?? 0));
  }

  #arrived(device: Device, { last }: Seen, event: ChatEvent): void {
    this.events += 1;
    const { conversation_id, seq } = event;
    const history = this.histories.get(conversation_id);
    const told = `${device.device_id} got ${event.type} ${seq} of ${conversation_id.slice(0, 12)}`;
    // What was restored is read anew.
    const place = `${conversation_id} ${event.epoch}`;
    const before = last.get(place) ?? 0;
    if (seq <= before) this.#ports.broken("each event comes once, in order", `${told} after ${before}`);
    last.set(place, seq);
    const fact = history?.at(seq);
    if (history === undefined || fact === undefined) return this.#ports.broken("what is delivered is durable", `${told}; the head is ${history?.head ?? 0}`);
    if (!history.sees(device.user_id, seq)) this.#ports.broken("nobody sees outside their stay", told);
    if (fact.msg_id !== event.msg_id || fact.type !== event.type || fact.sender_id !== event.sender_id) this.#ports.broken("what is delivered is what happened", `${told}, which is ${fact.type} of ${fact.sender_id}`);
    const standing = history.standing(seq);
    if (event.type === "msg" && standing !== undefined && event.content !== "" && !standing.contents.has(event.content)) this.#ports.broken("what is delivered was said", `${told}: ${event.content}`);
  }

  #watermarks(device: Device, client: ConfabClient, seen: Seen, conversation_id: string): void {
    const conversation = client.conversation(conversation_id);
    if (conversation === null) {
      for (const key of seen.marks.keys()) if (key.startsWith(conversation_id)) seen.marks.delete(key);
      return;
    }
    for (const user of this.histories.get(conversation_id)?.members ?? []) {
      const mark = conversation.watermark(user);
      const key = `${conversation_id} ${conversation.cursor.epoch} ${user}`;
      const [delivered, read] = seen.marks.get(key) ?? [0, 0];
      const now: [number, number] = [mark?.delivered_seq ?? 0, mark?.read_seq ?? 0];
      if (now[0] < delivered || now[1] < read) this.#ports.broken("receipts never go back", `${device.device_id} sees ${user} at ${now.join("/")} after ${delivered}/${read}`);
      seen.marks.set(key, now);
    }
  }
}
