// What a message of the socket tells of the messages of the traffic. Those that many devices get alike are decoded once.
import type { Wire } from "./wire.ts";

/** `sender` and `number` are in its client_msg_id. */
export interface Sighting {
  sender: number;
  number: number;
  conversation_id: string;
  seq: number;
  ack: boolean;
}

interface Frame {
  type: string;
  client_msg_id: string;
  conversation_id: string;
  seq: number;
  code?: string;
  message?: string;
}

const KEPT = 8;

export class Sightings {
  /** Names the messages of one traffic, so that an answer to another's is noticed. */
  private readonly run = crypto.randomUUID().slice(0, 8);
  private readonly recent: { message: Buffer; sightings: Sighting[] }[] = [];
  /** Do several devices get the same? */
  private readonly shared: boolean;
  private readonly wire: Wire;

  constructor(shared: boolean, wire: Wire) {
    this.shared = shared;
    this.wire = wire;
  }

  key(sender: number, number: number): string {
    return `${this.run}.${sender}.${number}`;
  }

  /** Throws on an error frame, a `sync_required` and on messages that are not this traffic's. */
  read(message: Buffer): Sighting[] {
    if (!this.shared) return this.parse(message);
    const known = this.recent.find((entry) => entry.message.equals(message));
    if (known !== undefined) return known.sightings;
    const sightings = this.parse(message);
    this.recent.push({ message, sightings });
    if (this.recent.length > KEPT) this.recent.shift();
    return sightings;
  }

  private parse(message: Buffer): Sighting[] {
    return this.wire.decode(message).flatMap((frame) => this.sighting(frame as Frame));
  }

  private sighting({ type, client_msg_id, conversation_id, seq, code, message }: Frame): Sighting[] {
    if (type === "error" || type === "sync_required") throw new Error(`the server says ${code ?? type}${message === undefined ? "" : `: ${message}`}`);
    if (type !== "ack" && type !== "msg") return [];
    const [run, sender, number] = client_msg_id.split(".");
    if (run !== this.run) throw new Error(`a message of another run: ${client_msg_id}`);
    return [{ sender: Number(sender), number: Number(number), conversation_id, seq, ack: type === "ack" }];
  }
}
