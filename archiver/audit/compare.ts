// A run of rows against what should be there: which seqs are missing, changed, exchanged or too many. Pure.
import type { EventLink } from "../../protocol/chain-calls.ts";
import { sentAtOf } from "../../protocol/msg-id.ts";
import type { RowDigest } from "./row-check.ts";

/**
 * `removed`: within what is there; `cut`: from there to the end. `added`: a row that no event has. `ledger`: the archive's own
 * record lacks or contradicts something. `chain`: something in this run is not what it was, and nothing says which.
 */
export type FindingKind = "removed" | "cut" | "changed" | "swapped" | "added" | "ledger" | "chain";

export interface Finding {
  kind: FindingKind;
  from_seq: number;
  to_seq: number;
  message: string;
  /** Of a row that carries another seq or content than its own: both, so that two that were exchanged are found together. */
  carries?: { own: Carried; other: Carried };
}

interface Carried {
  seq: number | null;
  content_hash: string | null;
}

export interface Compared {
  findings: Finding[];
  /** Events past their retention, whose rows have rightly gone. */
  expired: number;
}

export interface Run {
  from: number;
  to: number;
  /** ms: what is older may be gone. */
  keptFrom: number;
  /** ms: not before this the run begins; null where that is not known. */
  since: number | null;
}

const at = (kind: FindingKind, seq: number, message: string): Finding => ({ kind, from_seq: seq, to_seq: seq, message });
const FIELDS = ["type", "sender_id", "client_msg_id", "msg_no"] as const;

/** @param links of every seq of the run, ascending */
export function compareWithLinks(rows: readonly RowDigest[], links: readonly EventLink[], run: Pick<Run, "keptFrom">): Compared {
  const byId = new Map(rows.map((row) => [row.message_id, row]));
  const findings: Finding[] = [];
  let expired = 0;
  for (const link of links) {
    const row = byId.get(link.msg_id);
    byId.delete(link.msg_id);
    if (row === undefined) {
      // A row's end is rounded to a second, and a hold may end at any moment after that.
      if (sentAtOf(link.msg_id) < run.keptFrom) expired += 1;
      else findings.push(at("removed", link.seq, "its row is gone"));
      continue;
    }
    const field = changedField(row, link);
    if (field === null) continue;
    const moved = field === "seq" || field === "content_hash" ? { carries: { own: { seq: link.seq, content_hash: link.content_hash }, other: { seq: row.seq, content_hash: row.content_hash } } } : {};
    findings.push({ ...at("changed", link.seq, `${field} is not what it was`), ...moved });
  }
  for (const row of byId.values()) findings.push(at("added", row.seq ?? 0, `a row ${row.message_id} that no event has`));
  return { findings: findings.toSorted((a, b) => a.from_seq - b.from_seq), expired };
}

function changedField(row: RowDigest, link: EventLink): string | null {
  if (row.seq !== link.seq) return "seq";
  if (row.content_hash !== link.content_hash) return "content_hash";
  return FIELDS.find((field) => row[field] !== link[field]) ?? row.wrong;
}

/** Without anybody to ask: what the rows themselves, their number and their order tell. */
export function compareAlone(rows: readonly RowDigest[], { from, to, keptFrom, since }: Run): Compared {
  const findings: Finding[] = [];
  const seen = new Map<number, RowDigest>();
  const placeless: RowDigest[] = [];
  for (const row of rows) {
    if (row.seq === null || row.seq < from || row.seq > to || seen.has(row.seq)) placeless.push(row);
    else seen.set(row.seq, row);
  }
  const moved = placesOf(placeless, [...seen.values()], { from, to });
  for (const row of placeless) {
    const own = moved.get(row);
    if (own === undefined) findings.push(at("added", row.seq ?? 0, `a row ${row.message_id} that has no place in ${from}-${to}`));
    else findings.push({ ...at("changed", own, "seq is not what it was"), carries: { own: { seq: own, content_hash: null }, other: { seq: row.seq, content_hash: null } } });
  }
  const taken = new Set(moved.values());
  const firstSeq = Math.min(...seen.keys());
  let expired = 0;
  for (let seq = from; seq <= to; seq += 1) {
    if (seen.has(seq) || taken.has(seq)) continue;
    // Rows end in the order of their times: only the oldest can have.
    if (seq < firstSeq && (since === null || since < keptFrom)) expired += 1;
    else findings.push(at("removed", seq, "its row is gone"));
  }
  const inOrder = [...seen.keys()];
  const sorted = inOrder.toSorted((a, b) => a - b);
  inOrder.forEach((seq, i) => {
    const row = seen.get(seq) as RowDigest;
    if (sorted[i] !== seq) findings.push(at("swapped", seq, `it stands in the place of ${sorted[i]}`));
    else if (row.wrong !== null) findings.push(at("changed", seq, `${row.wrong} does not go with the row's other fields`));
  });
  return { findings: findings.toSorted((a, b) => a.from_seq - b.from_seq), expired };
}

/**
 * Which seq each of these rows should carry: the one that is missing where it stands, if that is one alone and no other row stands
 * there. It carries another run's, and was exchanged with it, or changed.
 */
function placesOf(placeless: readonly RowDigest[], placed: readonly RowDigest[], { from, to }: Pick<Run, "from" | "to">): Map<RowDigest, number> {
  const gaps = new Map<number, RowDigest[]>();
  for (const row of placeless) {
    const before = placed.findLast(({ message_id }) => message_id < row.message_id)?.seq ?? from - 1;
    const behind = placed.find(({ message_id }) => message_id > row.message_id)?.seq ?? to + 1;
    if (behind - before === 2) gaps.set(before + 1, [...(gaps.get(before + 1) ?? []), row]);
  }
  return new Map([...gaps].flatMap(([seq, rows]) => (rows.length === 1 ? [[rows[0] as RowDigest, seq] as const] : [])));
}

/** Neighbours that are gone become one finding. What is gone up to the end was cut. */
export function joinFindings(findings: readonly Finding[], end: number): Finding[] {
  const gone: Finding[] = [];
  for (const finding of findings.filter(({ kind }) => kind === "removed").toSorted((a, b) => a.from_seq - b.from_seq)) {
    const last = gone.at(-1);
    if (last !== undefined && last.to_seq + 1 === finding.from_seq) last.to_seq = finding.to_seq;
    else gone.push({ ...finding });
  }
  const last = gone.at(-1);
  if (last?.to_seq === end) Object.assign(last, { kind: "cut", message: "nothing is there from here to the end" });
  return [...gone, ...pairExchanged(findings.filter(({ kind }) => kind !== "removed"))].toSorted((a, b) => a.from_seq - b.from_seq || a.to_seq - b.to_seq);
}

function pairExchanged(findings: readonly Finding[]): Finding[] {
  const exchanged = (a: Carried, b: Carried) => (a.seq !== null && a.seq === b.seq) || (a.content_hash !== null && a.content_hash === b.content_hash);
  return findings.map(({ carries, ...finding }) => {
    const partner = carries === undefined ? undefined : findings.find((other) => other.carries !== undefined && other.from_seq !== finding.from_seq
      && exchanged(carries.other, other.carries.own) && exchanged(other.carries.other, carries.own));
    return partner === undefined ? finding : { ...finding, kind: "swapped", message: `it and ${partner.from_seq} have taken one another's place` };
  });
}
