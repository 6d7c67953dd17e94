// The plan of a run: who says what to whom, over which way, and what breaks when. A pure function of seed and sizes; what
// happens in it depends on time too, but a seed always tries the same.
import { contentOf, type PlannedType } from "./contents.ts";
import { type Fault, planFault } from "./faults.ts";
import { type Random, seeded } from "./random.ts";
import { planScripts, type Script } from "./scripts.ts";

export interface Sizes {
  rounds: number;
  /** Users with two devices each who are there all the time. */
  clients: number;
  /** Messages of one round. */
  messages: number;
  /** Whether the deployment is killed in every round. */
  kills: boolean;
}

export interface PlannedConversation {
  /** Its name in the plan; the deployment gives it an id. */
  label: string;
  kind: "direct" | "group";
  /** For a group the first one creates it. A direct one has one member or two. */
  members: string[];
}

export interface PlannedMessage {
  sender_id: string;
  client_msg_id: string;
  conversation: PlannedConversation;
  /** Named by the other user where possible, or by the conversation's id once that is known. */
  by: "to" | "id";
  content: string;
  content_type: PlannedType;
}

/** Meetings with people who have never been here: a group of them all, and a first message to each. */
export interface Contacts {
  group: PlannedConversation;
  first: PlannedMessage[];
  /** Those who come only after the crash, and the one question that they ask first. */
  late: { user_id: string; asks: "list" | "resume" }[];
  /** More members of the group, who only look at their list: telling all of them takes a while, and the crash comes first. */
  crowd: string[];
}

export interface Round {
  number: number;
  scripts: Script[];
  contacts: Contacts;
  fault: Fault;
  /** The archive stands still, so what is sent in this round can't have reached it. */
  hold_archive: boolean;
}

export interface Plan {
  seed: number;
  sizes: Sizes;
  /** There all the time, with two devices each. */
  regulars: string[];
  /** Members who connect only at the very end. */
  absent: string[];
  /** Conversations of the whole run. */
  standing: PlannedConversation[];
  rounds: Round[];
}

const NEWCOMERS = 8;
const CROWD = 60;

/** @param prefix starts every user's id, so that runs against one deployment don't meet */
export function makePlan(seed: number, sizes: Sizes, prefix: string): Plan {
  const random = seeded(seed);
  const regulars = Array.from({ length: sizes.clients }, (_, i) => `${prefix}-${i + 1}`);
  const absent = Array.from({ length: Math.max(2, Math.floor(sizes.clients / 4)) }, (_, i) => `${prefix}-absent${i + 1}`);
  const standing = planStanding(random.branch("standing"), regulars, absent);
  const writer = new Writer();
  const rounds: Round[] = [];
  for (let number = 1; number <= sizes.rounds; number += 1) {
    const own = random.branch(`round ${number}`);
    const scripts = planScripts(own.branch("scripts"), { regulars, standing, messages: sizes.messages, writer });
    const fault = planFault(own.branch("fault"), number, sizes.messages, NEWCOMERS);
    const contacts = planContacts(own.branch("contacts"), number, sizes.kills && fault.moment.phase === "created" ? CROWD : 0, prefix, regulars, writer);
    rounds.push({ number, scripts, contacts, fault, hold_archive: number % 4 === 2 });
  }
  return { seed, sizes, regulars, absent, standing, rounds };
}

/** Numbers every sender's messages, and remembers them for resends. */
export class Writer {
  readonly sent = new Map<string, PlannedMessage[]>();

  write(random: Random, sender_id: string, conversation: PlannedConversation, mayBeLarge: boolean): PlannedMessage {
    const mine = this.sent.get(sender_id) ?? [];
    this.sent.set(sender_id, mine);
    // Other senders use the same ids: a key is the sender's own.
    const client_msg_id = `m${mine.length + 1}`;
    const by = random.chance(0.5) ? "to" : "id";
    const message: PlannedMessage = { sender_id, client_msg_id, conversation, by, ...contentOf(random, `${sender_id}/${client_msg_id}`, mayBeLarge) };
    mine.push(message);
    return message;
  }
}

function planStanding(random: Random, regulars: readonly string[], absent: readonly string[]): PlannedConversation[] {
  const directs = regulars.map((user, i): PlannedConversation => {
    const next = regulars[(i + 1) % regulars.length] as string;
    return { label: `direct${i + 1}`, kind: "direct", members: user === next ? [user] : [user, next] };
  });
  const away = absent.map((user, i): PlannedConversation => ({
    label: `away${i + 1}`, kind: "direct", members: [random.pick(regulars), user],
  }));
  const groups = Array.from({ length: Math.max(1, Math.floor(regulars.length / 3)) }, (_, i): PlannedConversation => ({
    label: `group${i + 1}`, kind: "group",
    members: [...random.some(regulars, random.int(3, 8)), ...random.some(absent, random.int(0, absent.length))],
  }));
  const notes: PlannedConversation = { label: "notes", kind: "direct", members: [regulars[0] as string] };
  // Two users make one pair, whoever begins.
  const pairs = new Map([...directs, ...away, notes].map((direct) => [direct.members.toSorted().join(" "), direct]));
  return [...pairs.values(), ...groups];
}

function planContacts(random: Random, number: number, crowded: number, prefix: string, regulars: readonly string[], writer: Writer): Contacts {
  const late = Array.from({ length: NEWCOMERS }, (_, i) => ({
    user_id: `${prefix}-late${number}.${i + 1}`, asks: i % 2 === 0 ? ("list" as const) : ("resume" as const),
  }));
  const crowd = Array.from({ length: crowded }, (_, i) => `${prefix}-crowd${number}.${i + 1}`);
  const newcomers = late.map(({ user_id }) => user_id);
  const group: PlannedConversation = { label: `welcome${number}`, kind: "group", members: [...random.some(regulars, 2), ...newcomers, ...crowd] };
  const first = newcomers.map((newcomer, i) => {
    const sender = random.pick(regulars);
    return { ...writer.write(random, sender, { label: `first${number}.${i + 1}`, kind: "direct", members: [sender, newcomer] }, false), by: "to" as const };
  });
  return { group, first, late, crowd };
}
