// What a device has sent and has no acknowledgement for, in the order in which it was sent. After every reconnect all of it
// goes again, in that order, before anything new.
import { type Connection, type Frame } from "./connection.ts";
import type { Journal, Sending } from "./journal.ts";
import type { PlannedMessage } from "./plan.ts";

/** A frame that found no answer on an open socket goes again after this. */
const RESEND_MS = 8_000;
const ARRAY_FRAMES = 60;
/** UTF-16 units of one array: far below 128 KiB in any script. */
const ARRAY_UNITS = 20_000;

export class Outbox {
  private readonly waiting = new Set<Sending>();
  private readonly journal: Journal;
  private readonly name: string;

  constructor(journal: Journal, name: string) {
    this.journal = journal;
    this.name = name;
  }

  get size(): number {
    return this.waiting.size;
  }

  get unanswered(): readonly Sending[] {
    return [...this.waiting];
  }

  add(messages: readonly PlannedMessage[], asArray: boolean, connection: Connection | null): void {
    const sendings = messages.map((message) => this.journal.sending(message));
    // The other device may have been first with the same message: then there is nothing left to wait for.
    for (const sending of sendings) if (sending.acks.length === 0) this.waiting.add(sending);
    if (connection === null) return;
    for (const group of asArray ? arrays(sendings) : sendings.map((sending) => [sending])) this.write(group, connection, false);
  }

  /** Everything that waits, oldest first. */
  resend(connection: Connection): void {
    for (const group of arrays([...this.waiting])) this.write(group, connection, false);
  }

  /** Whether the oldest has waited too long on this very socket. */
  overdue(connection: Connection): boolean {
    const [oldest] = this.waiting;
    const last = oldest?.attempts.findLast(({ place }) => place?.connection === connection.number);
    return last !== undefined && performance.now() - last.at > RESEND_MS;
  }

  done(sending: Sending): void {
    this.waiting.delete(sending);
  }

  /** Writes these once, whether they wait or not. */
  write(sendings: readonly Sending[], connection: Connection, altered: boolean): void {
    const at = performance.now();
    const places = connection.write(sendings.map(({ message }) => frameOf(this.journal, message, altered)));
    sendings.forEach((sending, i) => {
      sending.attempts.push({ at, by: `${this.name} #${connection.number}`, place: { connection: connection.number, index: places[i] as number }, altered, refused: null });
    });
  }
}

/** Such that each fits into one text message. */
function arrays(sendings: readonly Sending[]): Sending[][] {
  const groups: Sending[][] = [];
  let units = Number.POSITIVE_INFINITY;
  for (const sending of sendings) {
    const own = sending.message.content.length + 200;
    if (units + own > ARRAY_UNITS || (groups.at(-1)?.length ?? 0) >= ARRAY_FRAMES) {
      groups.push([]);
      units = 0;
    }
    groups.at(-1)?.push(sending);
    units += own;
  }
  return groups;
}

/** The message as it goes over the wire: also the body of POST /v1/messages. */
export function frameOf(journal: Journal, message: PlannedMessage, altered: boolean): Frame {
  const { conversation, sender_id, client_msg_id, content_type, kind, number } = message;
  const id = journal.idOf(conversation.label);
  if (kind !== "msg") return { type: kind, client_msg_id, conversation_id: id, ...changeOf(journal, message) };
  const peer = conversation.members.find((member) => member !== sender_id) ?? sender_id;
  const address = conversation.kind === "direct" && (message.by === "to" || id === undefined) ? { to: peer } : { conversation_id: id };
  const content = altered ? `${message.content} (altered)` : message.content;
  return { type: "msg", client_msg_id, ...address, content_type, content, ...(number === null ? {} : { client_sequence_number: number }) };
}

function changeOf(journal: Journal, { kind, target, content }: PlannedMessage): Frame {
  const target_msg_id = journal.targetOf(target ?? "");
  if (kind === "delete") return { target_msg_id };
  return kind === "edit" ? { target_msg_id, content } : { target_msg_id, emoji: content, on: true };
}
