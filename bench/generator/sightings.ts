// What a unit of the connection tells of the messages of the traffic. A message's key says whose it is, which, and when it was
// to be sent, so that any process can tell how long it took.
import type { Device, Seen } from "../dialects/dialect.ts";

export interface Sighting {
  sender: number;
  number: number;
  /** When it was to be sent, on the clock of this machine; ms */
  planned: number;
  conversation_id: string;
  seq: number;
  ack: boolean;
}

/** Units that many devices get alike are read once; this many are kept. */
const KEPT = 8;
/** Times are written in whole µs. */
const US = 1_000;
const BASE = 36;

export class Sightings {
  /** Names the messages of one traffic, so that an answer to another's is noticed. */
  private readonly run: string;
  private readonly alike: boolean;
  private readonly recent: { unit: Buffer; sightings: Sighting[] }[] = [];

  constructor(run: string, alike: boolean) {
    this.run = run;
    this.alike = alike;
  }

  key(sender: number, number: number, planned: number): string {
    return `${this.run}.${sender}.${number}.${Math.round(planned * US).toString(BASE)}`;
  }

  /** Throws where the server refuses something, and on messages that are not this traffic's. */
  read(device: Device, unit: Buffer): Sighting[] {
    if (!this.alike) return this.parse(device, unit);
    const known = this.recent.find((entry) => entry.unit.equals(unit));
    if (known !== undefined) return known.sightings;
    const sightings = this.parse(device, unit);
    this.recent.push({ unit, sightings });
    if (this.recent.length > KEPT) this.recent.shift();
    return sightings;
  }

  private parse(device: Device, unit: Buffer): Sighting[] {
    return device.read(unit).map((seen) => this.sighting(seen));
  }

  private sighting({ key, conversation_id, seq, ack }: Seen): Sighting {
    const [run, sender, number, planned = ""] = key.split(".");
    if (run !== this.run) throw new Error(`a message of another run: ${key}`);
    return { sender: Number(sender), number: Number(number), planned: Number.parseInt(planned, BASE) / US, conversation_id, seq, ack };
  }
}
