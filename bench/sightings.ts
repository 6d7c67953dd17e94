// What a text from the server tells of messages. Texts that many devices get alike are parsed once.

/** A message as a text tells of it: `sender` and `number` are in its client_msg_id. */
export interface Sighting {
  sender: number;
  number: number;
  seq: number;
  ack: boolean;
}

interface Frame {
  type: string;
  client_msg_id: string;
  seq: number;
  code?: string;
  message?: string;
}

const KEPT = 8;

export class Sightings {
  /** Names the messages of one traffic, so that an answer to another's is noticed. */
  private readonly run = crypto.randomUUID().slice(0, 8);
  private readonly recent: { text: Buffer; sightings: Sighting[] }[] = [];
  /** Do several devices get the same texts? */
  private readonly shared: boolean;

  constructor(shared: boolean) {
    this.shared = shared;
  }

  key(sender: number, number: number): string {
    return `${this.run}.${sender}.${number}`;
  }

  /** Throws on an error frame, a `sync_required` and on messages that are not this traffic's. */
  read(text: Buffer): Sighting[] {
    if (!this.shared) return this.parse(text);
    const known = this.recent.find((entry) => entry.text.equals(text));
    if (known !== undefined) return known.sightings;
    const sightings = this.parse(text);
    this.recent.push({ text, sightings });
    if (this.recent.length > KEPT) this.recent.shift();
    return sightings;
  }

  private parse(text: Buffer): Sighting[] {
    const parsed = JSON.parse(text.toString()) as Frame | Frame[];
    if (!Array.isArray(parsed)) return this.sighting(parsed);
    return parsed.flatMap((frame) => this.sighting(frame));
  }

  private sighting({ type, client_msg_id, seq, code, message }: Frame): Sighting[] {
    if (type === "error" || type === "sync_required") throw new Error(`the server says ${code ?? type}${message === undefined ? "" : `: ${message}`}`);
    if (type !== "ack" && type !== "msg") return [];
    const [run, sender, number] = client_msg_id.split(".");
    if (run !== this.run) throw new Error(`a message of another run: ${client_msg_id}`);
    return [{ sender: Number(sender), number: Number(number), seq, ack: type === "ack" }];
  }
}
