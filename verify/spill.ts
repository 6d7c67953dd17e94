// What a run writes below its folder as it goes, so that it need not keep it: every message's attempts and acknowledgements, and
// at the end each history as it was read, with its hash.
import { createHash } from "node:crypto";
import { appendFileSync, closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import type { Sending, Shown } from "./journal.ts";

/** Lines that are joined for one write. */
const JOINED = 500;

export interface HistoryHash {
  label: string;
  events: number;
  sha256: string;
}

export class Spill {
  readonly folder: string;
  readonly hashes: HistoryHash[] = [];
  private readonly journal: string;

  constructor(folder: string) {
    this.folder = folder;
    this.journal = path.join(folder, "journal.ndjson");
    mkdirSync(path.join(folder, "histories"), { recursive: true });
  }

  /** A window's messages, a line each. */
  window(round: number, sendings: Iterable<Sending>): void {
    let lines: string[] = [];
    for (const { key, message, attempts, acks, old } of sendings) {
      const [ack] = acks;
      lines.push(JSON.stringify({
        round, key, kind: message.kind, in: message.conversation.label, seq: ack?.seq ?? null, msg_id: ack?.msg_id ?? null, acks: acks.length,
        sent: attempts.map(({ at, by }) => `${at.toFixed(1)} ${by}`), acked: ack === undefined ? null : `${ack.at.toFixed(1)} ${ack.by}`, ...(old === null ? {} : { old: old.seq }),
      }));
      if (lines.length === JOINED) {
        appendFileSync(this.journal, `${lines.join("\n")}\n`);
        lines = [];
      }
    }
    if (lines.length > 0) appendFileSync(this.journal, `${lines.join("\n")}\n`);
  }

  /** One history, to be given in ascending order. */
  history(label: string): { take(events: readonly Shown[]): void; end(): void } {
    const file = openSync(path.join(this.folder, "histories", `${label}.ndjson`), "w");
    const hash = createHash("sha256");
    let count = 0;
    return {
      take: (events) => {
        if (events.length === 0) return;
        const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
        hash.update(text);
        writeSync(file, text);
        count += events.length;
      },
      end: () => {
        closeSync(file);
        this.hashes.push({ label, events: count, sha256: hash.digest("hex") });
      },
    };
  }

  /** One for the whole run: the SHA-256 over each history's line, in the order of their names. */
  digest(): string {
    const hash = createHash("sha256");
    for (const { label, events, sha256 } of this.hashes.toSorted((a, b) => (a.label < b.label ? -1 : 1))) hash.update(`${label} ${events} ${sha256}\n`);
    return hash.digest("hex");
  }
}
