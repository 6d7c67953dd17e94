// What the simulation knows by itself of what happened: each conversation's events as they became durable, and what follows from
// them for each reader. None of the product's decisions are asked here.
import type { Message, Slot } from "../../../client/client.ts";

export interface Fact {
  seq: number;
  msg_id: string;
  msg_no: number;
  type: string;
  sender_id: string;
  client_msg_id: string | null;
  body: Record<string, unknown>;
}

interface Stay {
  from: number;
  to: number;
}

/** A message as it now is. */
export interface Standing {
  content: string;
  edited: boolean;
  deleted: boolean;
  /** emoji → users */
  reactions: Map<string, Set<string>>;
  /** All that it ever said. */
  contents: Set<string>;
}

export class History {
  readonly conversation_id: string;
  readonly facts: Fact[] = [];
  readonly #keys = new Map<string, number>();
  readonly #stays = new Map<string, Stay[]>();
  readonly #standing = new Map<number, Standing>();
  archived_seq = 0;
  /** How often it was restored. */
  restored = 0;
  /** Its storage is lost, and what there is of it is not it. */
  isLost = false;

  /** @param pair of a direct conversation */
  constructor(conversation_id: string, pair: readonly string[]) {
    this.conversation_id = conversation_id;
    for (const user of pair) this.#stays.set(user, [{ from: 1, to: Number.POSITIVE_INFINITY }]);
  }

  get head(): number {
    return this.facts.length;
  }

  /** Throws where it can't follow what is there. */
  add(fact: Fact): void {
    const last = this.facts.at(-1);
    if (fact.seq !== this.head + 1) throw new Error(`seq ${fact.seq} follows ${this.head}`);
    if (last !== undefined && fact.msg_id <= last.msg_id) throw new Error(`the msg_id of seq ${fact.seq} does not increase`);
    if (fact.client_msg_id !== null) {
      const key = `${fact.sender_id} ${fact.client_msg_id}`;
      if (this.#keys.has(key)) throw new Error(`${fact.client_msg_id} is both seq ${this.#keys.get(key)} and ${fact.seq}`);
      this.#keys.set(key, fact.seq);
    }
    if ((last?.msg_no ?? 0) + (fact.type === "msg" ? 1 : 0) !== fact.msg_no) throw new Error(`msg_no ${fact.msg_no} of seq ${fact.seq} is not dense`);
    this.facts.push(fact);
    this.#apply(fact);
  }

  seqOf(sender_id: string, client_msg_id: string): number | null {
    return this.#keys.get(`${sender_id} ${client_msg_id}`) ?? null;
  }

  at(seq: number): Fact | undefined {
    return this.facts[seq - 1];
  }

  standing(seq: number): Standing | undefined {
    return this.#standing.get(seq);
  }

  sees(user_id: string, seq: number): boolean {
    return (this.#stays.get(user_id) ?? []).some((stay) => stay.from <= seq && seq <= stay.to);
  }

  isMember(user_id: string): boolean {
    return this.joined(user_id) !== null;
  }

  /** Since which seq they are there; null: they are not. */
  joined(user_id: string): number | null {
    const last = this.#stays.get(user_id)?.at(-1);
    return last === undefined || last.to !== Number.POSITIVE_INFINITY ? null : last.from;
  }

  /** Were they there from the beginning, and never gone? */
  always(user_id: string): boolean {
    return this.joined(user_id) === 1 && this.#stays.get(user_id)?.length === 1;
  }

  get members(): string[] {
    return [...this.#stays.keys()].filter((user) => this.isMember(user));
  }

  /** Messages above a seq. */
  messagesAfter(seq: number): Fact[] {
    return this.facts.slice(seq).filter((fact) => fact.type === "msg");
  }

  lastOwn(user_id: string): number {
    return this.facts.findLast((fact) => fact.type === "msg" && fact.sender_id === user_id)?.seq ?? 0;
  }

  #apply({ seq, type, sender_id, body }: Fact): void {
    const user = body["user_id"] as string;
    const target = this.#standing.get(body["target_seq"] as number);
    switch (type) {
      case "created":
        for (const { user_id } of body["members"] as { user_id: string }[]) this.#stays.set(user_id, [{ from: seq, to: Number.POSITIVE_INFINITY }]);
        break;
      case "member_added":
        this.#stays.set(user, [...(this.#stays.get(user) ?? []), { from: seq, to: Number.POSITIVE_INFINITY }]);
        break;
      case "member_removed":
        Object.assign(this.#stays.get(user)?.at(-1) ?? {}, { to: seq });
        break;
      case "msg":
        this.#standing.set(seq, { content: body["content"] as string, edited: false, deleted: false, reactions: new Map(), contents: new Set([body["content"] as string]) });
        break;
      case "edit":
        target?.contents.add(body["content"] as string);
        if (target !== undefined) Object.assign(target, { content: body["content"], edited: true });
        break;
      case "delete":
        if (target !== undefined) Object.assign(target, { content: "", edited: false, deleted: true, reactions: new Map() });
        break;
      case "react":
        if (target !== undefined) react(target, body["emoji"] as string, sender_id, body["on"] as boolean);
        break;
      default:
    }
  }
}

function react({ reactions }: Standing, emoji: string, user: string, on: boolean): void {
  const users = reactions.get(emoji) ?? new Set();
  if (on) users.add(user);
  else users.delete(user);
  if (users.size > 0) reactions.set(emoji, users);
  else reactions.delete(emoji);
}

/** Why what a client has of an event is not what happened; null: it is. */
export function differs(slot: Slot, fact: Fact | undefined, standing: Standing | undefined): string | null {
  if (fact === undefined) return "it never happened";
  if (slot.type === "skip") return null;
  if (slot.msg_id !== fact.msg_id || slot.type !== fact.type || slot.sender_id !== fact.sender_id) return `it was ${fact.type} of ${fact.sender_id}`;
  if ((slot.client_msg_id ?? null) !== fact.client_msg_id) return `its key was ${fact.client_msg_id}`;
  if (slot.type !== "msg" || standing === undefined) return null;
  return stands(slot, standing);
}

function stands(message: Message, standing: Standing): string | null {
  if (message.content !== standing.content) return `it says ${JSON.stringify(message.content)} and not ${JSON.stringify(standing.content)}`;
  if ((message.deleted_at !== undefined) !== standing.deleted) return standing.deleted ? "it is deleted" : "it is not deleted";
  if ((message.edited_at !== undefined) !== standing.edited) return standing.edited ? "it is edited" : "it is not edited";
  const shown = (message.reactions ?? []).map(({ emoji, users }) => `${emoji} ${users.toSorted().join()}`).toSorted().join("; ");
  const real = [...standing.reactions].map(([emoji, users]) => `${emoji} ${[...users].toSorted().join()}`).toSorted().join("; ");
  return shown === real ? null : `its reactions are ${real} and not ${shown}`;
}
