// What a device has sent and has no acknowledgement for, in the order in which it was sent. After every reconnect all of it
// goes again, in that order, before anything new.
import { type Connection, type Frame } from "./connection.ts";
import type { Journal, Sending } from "./journal.ts";
import type { PlannedMessage } from "./plan.ts";

/** A frame that found no answer on an open socket goes again after this. */
const RESEND_MS = 4_000;
const ARRAY_FRAMES = 40;
/** UTF-16 units of one array: far below 128 KiB in any script. */
const ARRAY_UNITS = 20_000;

export class Outbox {
  private waiting: Sending[] = [];
  private readonly journal: Journal;
  private readonly name: string;

  constructor(journal: Journal, name: string) {
    this.journal = journal;
    this.name = name;
  }

  get empty(): boolean {
    return this.waiting.length === 0;
  }

  get unanswered(): readonly Sending[] {
    return this.waiting;
  }

  add(messages: readonly PlannedMessage[], asArray: boolean, connection: Connection | null): void {
    const sendings = messages.map((message) => this.journal.sending(message));
    // The other device may have been first with the same message: then there is nothing left to wait for.
    this.waiting.push(...sendings.filter((sending) => sending.acks.length === 0));
    if (connection === null) return;
    for (const group of asArray ? [sendings] : sendings.map((sending) => [sending])) this.write(group, connection, false);
  }

  /** Everything that waits, oldest first. */
  resend(connection: Connection): void {
    for (let rest = this.waiting; rest.length > 0;) {
      let units = 0;
      const end = rest.findIndex(({ message }, i) => {
        units += message.content.length + 200;
        return i > 0 && (i >= ARRAY_FRAMES || units > ARRAY_UNITS);
      });
      this.write(end === -1 ? rest : rest.slice(0, end), connection, false);
      rest = end === -1 ? [] : rest.slice(end);
    }
  }

  /** Whether the oldest has waited too long on this very socket. */
  overdue(connection: Connection): boolean {
    const last = this.waiting[0]?.attempts.findLast(({ place }) => place?.connection === connection.number);
    return last !== undefined && performance.now() - last.at > RESEND_MS;
  }

  done(sending: Sending): void {
    this.waiting = this.waiting.filter((other) => other !== sending);
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

/** The message as it goes over the wire: also the body of POST /v1/messages. */
export function frameOf(journal: Journal, message: PlannedMessage, altered: boolean): Frame {
  const { conversation, sender_id, client_msg_id, content_type } = message;
  const id = journal.idOf(conversation.label);
  const peer = conversation.members.find((member) => member !== sender_id) ?? sender_id;
  const address = conversation.kind === "direct" && (message.by === "to" || id === undefined) ? { to: peer } : { conversation_id: id };
  return { type: "msg", client_msg_id, ...address, content_type, content: altered ? `${message.content} (altered)` : message.content };
}
