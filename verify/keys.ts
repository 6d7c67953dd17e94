// Where every message of earlier windows stands, by its key: so that a resend of long ago is held to its first answer. Nine bytes
// a message.

export interface Place {
  label: string;
  seq: number;
}

interface Column {
  seqs: Uint32Array;
  labels: Uint32Array;
}

export class Keys {
  private readonly columns = new Map<string, Column>();
  private readonly labels: string[] = [];
  private readonly numbers = new Map<string, number>();

  remember(senderId: string, clientMsgId: string, { label, seq }: Place): void {
    const n = numberOf(clientMsgId);
    if (n === null) return;
    let column = this.columns.get(senderId) ?? { seqs: new Uint32Array(64), labels: new Uint32Array(64) };
    if (n >= column.seqs.length) column = { seqs: grown(column.seqs, n), labels: grown(column.labels, n) };
    this.columns.set(senderId, column);
    column.seqs[n] = seq;
    column.labels[n] = this.number(label);
  }

  find(senderId: string, clientMsgId: string): Place | null {
    const n = numberOf(clientMsgId);
    const column = this.columns.get(senderId);
    const seq = n === null ? 0 : (column?.seqs[n] ?? 0);
    return n === null || column === undefined || seq === 0 ? null : { label: this.labels[column.labels[n] as number] as string, seq };
  }

  private number(label: string): number {
    const known = this.numbers.get(label);
    if (known !== undefined) return known;
    this.labels.push(label);
    this.numbers.set(label, this.labels.length - 1);
    return this.labels.length - 1;
  }
}

function grown(old: Uint32Array, n: number): Uint32Array {
  const larger = new Uint32Array(Math.max(n + 1, old.length * 2));
  larger.set(old);
  return larger;
}

/** The checker numbers each sender's messages: m1, m2, … */
function numberOf(clientMsgId: string): number | null {
  return /^m\d+$/.test(clientMsgId) ? Number(clientMsgId.slice(1)) : null;
}
