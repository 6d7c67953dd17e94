// Proves that the archive has all of a conversation as it was sealed, or names what it has not. The chain of what is stored is
// compared with the conversation's own checkpoints and with the ledger's, a segment at a time; where they differ, row by row with
// what the conversation keeps of each event for life. Holds one segment's digests in memory.
import { type ChainLink, chainOver, chainStart } from "../../protocol/chain.ts";
import type { ChainState, EventLink } from "../../protocol/chain-calls.ts";
import { bucketOf, msgIdAt, sentAtOf } from "../../protocol/msg-id.ts";
import { AckRefused, type Edge, EdgeUnavailable } from "../edge.ts";
import type { ArchiveStore, EpochEntry, LedgerEntry, RawRow } from "../stores/store.ts";
import { compareAlone, compareWithLinks, type Compared, type Finding, joinFindings } from "./compare.ts";
import { bears, checkRow, type Claim, type RowDigest, sha256 } from "./row-check.ts";
import { RowReader } from "./rows.ts";
import { epochAt, isRowLeftBehind, leftOfSegment, type Unit, unitsOf } from "./units.ts";

const LEDGER_PAGE = 200;
/** Findings of one conversation that are kept and told; more are counted by their absence from the proof. */
const FINDINGS_MAX = 1_000;
/** Rows of one unit that are looked at: whoever adds more has made the point. */
const UNIT_ROWS_MAX = 10_000;
/** A row goes up to this much before its retention is over. */
const EXPIRY_SLACK_MS = 86_400_000;

export interface AuditTools {
  store: ArchiveStore;
  edge: Pick<Edge, "chain" | "links">;
  retentionS: number;
  /** ms */
  now: () => number;
  signal: AbortSignal;
  /** Ask the conversation for every event, not only where a checkpoint differs: sender, type and key are not in the chain. */
  thorough: boolean;
}

export interface Audited {
  /** `edge`: compared with the conversation itself. `archive`: it could not be asked; with the ledger alone. */
  against: "edge" | "archive";
  /** Why it could not be asked. */
  because?: string;
  /** Up to here it was looked at. */
  to_seq: number;
  expired: number;
  findings: Finding[];
}

export class Stopped extends Error {}

/** Throws StoreUnavailable, and EdgeUnavailable where the edge goes away on the way. */
export async function auditConversation(conversationId: string, tools: AuditTools): Promise<Audited> {
  return new Audit(conversationId, tools).run();
}

type Asked = { state: ChainState } | { because: string };

class Audit {
  readonly #id: string;
  readonly #tools: AuditTools;
  readonly #rows: RowReader;
  readonly #findings: Finding[] = [];
  readonly #claims: Claim[] = [];
  #checkpoints: ChainState["checkpoints"] = [];
  #chainedSeq = 0;
  #epochs: EpochEntry[] = [];
  #expired = 0;
  /** The id of the last row that was looked at. */
  #after: string | null = null;
  /** Up to the last unit, as whoever is trusted most has it; null where nobody knows. */
  #chain: string | null;

  constructor(conversationId: string, tools: AuditTools) {
    this.#id = conversationId;
    this.#tools = tools;
    this.#rows = new RowReader(tools.store, conversationId);
    this.#chain = chainStart(conversationId, sha256);
  }

  async run(): Promise<Audited> {
    const asked = await this.#ask();
    const online = "state" in asked;
    this.#epochs = await this.#tools.store.epochs(this.#id);
    const end = online ? asked.state.archived_seq : await this.#archivedSeq();
    let to = 0;
    for await (const unit of unitsOf(this.#ledger(), this.#epochs, 1, end)) {
      if (this.#tools.signal.aborted) throw new Stopped();
      await this.#unit(unit, online);
      to = unit.to;
    }
    await this.#settleClaims(online);
    if (online) await this.#beyond(to, asked.state.head_seq);
    return {
      against: online ? "edge" : "archive", ...(online ? {} : { because: asked.because }),
      to_seq: to, expired: this.#expired, findings: joinFindings(this.#findings.toSorted((a, b) => a.from_seq - b.from_seq), end),
    };
  }

  async #ask(): Promise<Asked> {
    try {
      const state = await this.#tools.edge.chain({ conversation_id: this.#id, after: 0 });
      this.#checkpoints = state.checkpoints;
      this.#chainedSeq = state.chained_seq;
      return { state };
    } catch (error) {
      if (error instanceof EdgeUnavailable || error instanceof AckRefused) return { because: error.message };
      throw error;
    }
  }

  async *#ledger(): AsyncGenerator<LedgerEntry> {
    for (let last: LedgerEntry | null = null; ;) {
      const page = await this.#tools.store.ledgerAfter(this.#id, last, LEDGER_PAGE);
      yield* page;
      if (page.length < LEDGER_PAGE) return;
      last = page.at(-1) as LedgerEntry;
    }
  }

  /** What the archive itself says of how far it reaches. */
  async #archivedSeq(): Promise<number> {
    let end = 0;
    let epoch = 1;
    for await (const entry of this.#ledger()) {
      const left = leftOfSegment(entry, this.#epochs);
      if (left !== null && left.from_seq <= end + 1) end = Math.max(end, left.to_seq);
      epoch = Math.max(epoch, entry.epoch);
    }
    const reached = await Promise.all([...new Set([1, epoch, ...this.#epochs.map((begun) => begun.epoch)])].map((one) => this.#tools.store.readReached(this.#id, one)));
    return Math.max(end, ...reached);
  }

  async #unit(unit: Unit, online: boolean): Promise<void> {
    const own = online ? await this.#checkpointAt(unit.to) : null;
    const noted = unit.entry?.chain ?? null;
    const expected = own ?? noted;
    const clean = await this.#readClean(unit, expected);
    const proven = clean !== null && (!online || (expected !== null && !this.#tools.thorough));
    const expired = proven ? 0 : await this.#compare(unit, online, expected, clean);
    // The ledger's entries end with their rows.
    if (unit.entry === null && expired < unit.to - unit.from + 1) {
      this.#find({ kind: "ledger", from_seq: unit.from, to_seq: unit.to, message: "the ledger has no segment of these" });
    }
    if (own !== null && noted !== null && own !== noted) {
      this.#find({ kind: "ledger", from_seq: unit.from, to_seq: unit.to, message: "the ledger's chain is not the conversation's" });
    }
  }

  /** The unit's rows where they stand as they should: each seq once, in order, every field right, and the chain as expected. Else null. */
  async #readClean({ from, to }: Unit, expected: string | null): Promise<RowDigest[] | null> {
    const digests: RowDigest[] = [];
    const claims: Claim[] = [];
    for await (const row of this.#rows.after(this.#after)) {
      if (isTrace(row) || isRowLeftBehind(row, this.#epochs)) continue;
      const { digest, claim } = checkRow(row, (seq) => epochAt(seq, this.#epochs));
      if (digest.seq !== from + digests.length || digest.wrong !== null) return null;
      digests.push(digest);
      if (claim !== null) claims.push(claim);
      if (digest.seq === to) break;
    }
    if (digests.length !== to - from + 1) return null;
    const chain = this.#chain === null ? null : chainOver(this.#chain, digests.map(linkOf), sha256);
    if (expected !== null && chain !== null && chain !== expected) return null;
    await this.#check(claims);
    this.#after = digests.at(-1)?.message_id ?? this.#after;
    this.#chain = expected ?? chain;
    return digests;
  }

  /**
   * @param clean the unit's rows, where only what the chain does not cover is still to be compared
   * @returns how many of its events are past their retention
   */
  async #compare(unit: Unit, online: boolean, expected: string | null, clean: RowDigest[] | null): Promise<number> {
    const links = online ? await this.#links(unit.from, unit.to) : null;
    const upTo = links?.at(-1)?.msg_id ?? unit.entry?.last_id ?? null;
    const { digests, claims } = clean === null ? await this.#digests(unit, upTo) : { digests: clean, claims: [] };
    const keptFrom = this.#tools.now() - this.#tools.retentionS * 1_000 + EXPIRY_SLACK_MS;
    const compared = links === null
      ? compareAlone(digests, { ...unit, keptFrom, since: unit.entry?.first_id === undefined ? null : sentAtOf(unit.entry.first_id) })
      : compareWithLinks(digests, links, { keptFrom });
    this.#take(compared);
    await this.#check(claims, links);
    if (clean === null) {
      if (compared.findings.length === 0 && compared.expired === 0 && claims.every((claim) => !this.#claims.includes(claim))) {
        this.#find({ kind: "chain", from_seq: unit.from, to_seq: unit.to, message: "what is stored does not lead to the chain's hash" });
      }
      const own = this.#chain === null || links === null ? null : chainOver(this.#chain, links, sha256);
      if (own !== null && expected !== null && own !== expected) {
        this.#find({ kind: "chain", from_seq: unit.from, to_seq: unit.to, message: "what the conversation keeps of its events does not lead to the chain's hash" });
      }
      this.#after = upTo ?? digests.findLast(({ seq }) => seq !== null && seq <= unit.to)?.message_id ?? this.#after;
      this.#chain = expected ?? own;
    }
    return compared.expired;
  }

  async #digests(unit: Unit, upTo: string | null): Promise<{ digests: RowDigest[]; claims: Claim[] }> {
    const digests: RowDigest[] = [];
    const claims: Claim[] = [];
    for await (const row of this.#rows.after(this.#after, upTo)) {
      if (isTrace(row) || isRowLeftBehind(row, this.#epochs)) continue;
      if (upTo === null && row.seq !== null && row.seq > unit.to) break;
      const { digest, claim } = checkRow(row, (seq) => epochAt(seq, this.#epochs));
      digests.push(digest);
      if (claim !== null) claims.push(claim);
      if (digests.length >= UNIT_ROWS_MAX) break;
    }
    return { digests, claims };
  }

  async #links(from: number, to: number): Promise<EventLink[]> {
    const links: EventLink[] = [];
    while (links.length < to - from + 1) {
      const page = await this.#tools.edge.links({ conversation_id: this.#id, from: from + links.length, to });
      if (page.length === 0) break;
      links.push(...page);
    }
    return links;
  }

  /** The conversation's own checkpoint at a seq. They are asked for in pages, and units ascend. */
  async #checkpointAt(seq: number): Promise<string | null> {
    for (;;) {
      this.#checkpoints = this.#checkpoints.slice(Math.max(0, this.#checkpoints.findIndex((checkpoint) => checkpoint.seq >= seq)));
      const found = this.#checkpoints.find((checkpoint) => checkpoint.seq >= seq);
      if (found !== undefined) return found.seq === seq ? found.chain : null;
      const last = this.#checkpoints.at(-1)?.seq ?? 0;
      if (last >= this.#chainedSeq) return null;
      this.#checkpoints = (await this.#tools.edge.chain({ conversation_id: this.#id, after: last })).checkpoints;
      if (this.#checkpoints.length === 0) return null;
    }
  }

  /** An edit or deletion that a row shows must be one that is archived. */
  async #check(claims: readonly Claim[], links: readonly EventLink[] | null = null): Promise<void> {
    for (const claim of claims) {
      const rightly = links?.find(({ msg_id }) => msg_id === claim.message_id)?.erased === true && claim.status === "DELETED";
      // Its event may be stored in this very moment: asked again at the end.
      if (!rightly && !(await this.#isBorne(claim)) && this.#claims.length < FINDINGS_MAX) this.#claims.push(claim);
    }
  }

  async #settleClaims(online: boolean): Promise<void> {
    for (const claim of this.#claims) {
      if ((await this.#isBorne(claim)) || (await this.#isErased(claim, online))) continue;
      const seq = claim.seq ?? 0;
      this.#find({ kind: "changed", from_seq: seq, to_seq: seq, message: `it is shown as ${claim.status}, and no such event is archived` });
    }
  }

  /** Of a person who was erased no deletion may stand there: the conversation knows, or else the archive has noted it. */
  async #isErased({ status, seq, sender_id, changed_at }: Claim, online: boolean): Promise<boolean> {
    if (status !== "DELETED" || seq === null || sender_id === null) return false;
    if (online) return (await this.#links(seq, seq))[0]?.erased === true;
    return (await this.#tools.store.readErased([sender_id])).get(sender_id) === changed_at;
  }

  async #isBorne(claim: Claim): Promise<boolean> {
    const first = msgIdAt(claim.changed_at, new Uint8Array(8));
    const found = await this.#rows.ofClock(bucketOf(first), first, msgIdAt(claim.changed_at, new Uint8Array(8).fill(0xff)));
    return found.some((row) => bears(claim, row));
  }

  /** Rows behind the last unit: stored and not acknowledged yet, or nobody's. */
  async #beyond(to: number, headSeq: number): Promise<void> {
    let count = 0;
    for await (const row of this.#rows.after(this.#after)) {
      count += 1;
      if (count > UNIT_ROWS_MAX) return;
      if (isRowLeftBehind(row, this.#epochs) || (row.seq !== null && row.seq > to && row.seq <= headSeq)) continue;
      if (isTrace(row)) continue;
      this.#find({ kind: "added", from_seq: row.seq ?? 0, to_seq: row.seq ?? 0, message: `a row ${row.message_id} that no event has` });
    }
  }

  #take({ findings, expired }: Compared): void {
    this.#expired += expired;
    for (const finding of findings) this.#find(finding);
  }

  #find(finding: Finding): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }
}

/** What an edit left in the place of a message that is not there, or not there any more. */
function isTrace(row: RawRow): boolean {
  return row.seq === null && row.content_hash === null && row.body === null;
}

function linkOf({ seq, message_id, content_hash }: RowDigest): ChainLink {
  return { seq: seq as number, msg_id: message_id, content_hash: content_hash as string };
}
