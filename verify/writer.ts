// Numbers every sender's messages, and remembers some of them: for resends, and to be changed later.
import { contentOf } from "./contents.ts";
import { keyOf } from "./journal.ts";
import type { PlannedConversation, PlannedMessage } from "./plan.ts";
import type { Random } from "./random.ts";

/** Of each sender: the newest, and of all before them as many as a long run can hold. */
const RECENT = 40;
const LONG_AGO = 60;

export class Writer {
  private readonly seed: number;
  private readonly counts = new Map<string, number>();
  private readonly recent = new Map<string, PlannedMessage[]>();
  private readonly old = new Map<string, PlannedMessage[]>();
  private readonly numbered = new Map<string, number>();
  /** Each message is changed in one way only, and deleted once: what is deleted can't be edited, and to delete it again is no new event. */
  private readonly changed = new Map<string, "edit" | "delete" | "react">();

  constructor(seed: number) {
    this.seed = seed;
  }

  write(random: Random, sender_id: string, conversation: PlannedConversation): PlannedMessage {
    // Other senders use the same ids: a key is the sender's own.
    const message = this.next(random, sender_id, conversation);
    this.keep(random, message);
    return message;
  }

  /** Counted by its device: it may be written out of turn. */
  count(random: Random, sender_id: string, device: string, conversation: PlannedConversation): PlannedMessage {
    const lane = `${sender_id}/${device} ${conversation.label}`;
    const number = (this.numbered.get(lane) ?? 0) + 1;
    this.numbered.set(lane, number);
    return { ...this.next(random, sender_id, conversation), number };
  }

  /** Of a message of the changer's own; a reaction also of another's. null: there is none yet. */
  change(random: Random, user: string, conversations: readonly PlannedConversation[]): PlannedMessage | null {
    const draw = random.next();
    const kind = draw < 0.4 ? "edit" : draw < 0.6 ? "delete" : "react";
    const author = kind === "react" ? random.pick(random.pick(conversations).members) : user;
    const candidates = (this.recent.get(author) ?? []).filter(({ kind: other, conversation, sender_id, client_msg_id }) => {
      const before = this.changed.get(keyOf(sender_id, client_msg_id));
      return other === "msg" && conversation.members.includes(user) && conversations.includes(conversation) && (before === undefined || (before === kind && kind !== "delete"));
    });
    if (candidates.length === 0) return null;
    const target = random.pick(candidates);
    const key = keyOf(target.sender_id, target.client_msg_id);
    this.changed.set(key, kind);
    const change = { ...this.next(random, user, target.conversation), kind, target: key } as const;
    // What stands already is no new event: so no emoji comes twice.
    if (kind === "react") return { ...change, content: `👍${change.client_msg_id}` };
    return { ...change, content: kind === "delete" ? "" : change.content };
  }

  /** One just sent, or one from long ago. */
  again(random: Random, user: string): PlannedMessage | undefined {
    const recent = this.recent.get(user) ?? [];
    const old = this.old.get(user) ?? [];
    if (random.chance(0.7) || old.length === 0) return recent.at(-1 - random.int(0, Math.min(3, recent.length - 1)));
    return random.pick(old);
  }

  private next(random: Random, sender_id: string, conversation: PlannedConversation): PlannedMessage {
    const count = (this.counts.get(sender_id) ?? 0) + 1;
    this.counts.set(sender_id, count);
    const client_msg_id = `m${count}`;
    const by = random.chance(0.5) ? "to" : "id";
    return { sender_id, client_msg_id, conversation, kind: "msg", target: null, by, ...contentOf(this.seed, keyOf(sender_id, client_msg_id)), number: null };
  }

  private keep(random: Random, message: PlannedMessage): void {
    const recent = this.recent.get(message.sender_id) ?? [];
    this.recent.set(message.sender_id, recent);
    recent.push(message);
    if (recent.length <= RECENT) return;
    const past = recent.shift() as PlannedMessage;
    this.changed.delete(keyOf(past.sender_id, past.client_msg_id));
    const old = this.old.get(message.sender_id) ?? [];
    this.old.set(message.sender_id, old);
    if (old.length < LONG_AGO) old.push(past);
    else if (random.chance(0.02)) old[random.int(0, LONG_AGO - 1)] = past;
  }
}
