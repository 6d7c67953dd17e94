// The plan of a run: who says what to whom, over which way, and what breaks when. A pure function of seed and sizes, made round by
// round; what happens in it depends on time too, but a seed always tries the same.
import type { PlannedType } from "./contents.ts";
import { type Fault, planFaults } from "./faults.ts";
import { type Random, seeded } from "./random.ts";
import { planScripts, type Script } from "./scripts.ts";
import { Writer } from "./writer.ts";

export interface Sizes {
  rounds: number;
  /** Users with two devices each who are there all the time. */
  clients: number;
  /** Of the whole run. */
  messages: number;
  /** Of the whole run; 0 where the deployment is not ours to kill. */
  kills: number;
  /** Devices send without pauses, in large arrays, as fast as they are answered. */
  busy: boolean;
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
  kind: "msg" | "edit" | "delete" | "react";
  /** The key of the message that it changes. */
  target: string | null;
  /** Named by the other user where possible, or by the conversation's id once that is known. */
  by: "to" | "id";
  content: string;
  content_type: PlannedType;
  /** client_sequence_number, counted by conversation and device. */
  number: number | null;
}

/** Meetings with people who have never been here: a group of them all, and a first message to each. */
export interface Contacts {
  group: PlannedConversation;
  first: PlannedMessage[];
  /** Those who come only after the crash, and the one question that they ask first. */
  late: { user_id: string; asks: "list" | "resume" }[];
  /** More members of the group, who only look at their list: telling all of them takes a while, and the crash comes first. */
  crowd: string[];
  /** To those who sleep: their session has had nothing to do for the whole round. */
  wake: PlannedMessage;
}

export interface Round {
  number: number;
  scripts: Script[];
  contacts: Contacts;
  faults: Fault[];
  /** The archive stands still, so what is sent in this round can't have reached it. */
  hold_archive: boolean;
  /** For what is broken beside the plan's moments: which objects are thrown out, when the archiver dies. */
  random: Random;
}

export interface Plan {
  seed: number;
  sizes: Sizes;
  /** There all the time, with two devices each. */
  regulars: string[];
  /** One device each; members of the groups now and then, who only listen. */
  guests: string[];
  /** One device each, which is connected and hears of one message a round. */
  sleepers: string[];
  /** Members who connect only at the very end. */
  absent: string[];
  /** Conversations of the whole run. */
  standing: PlannedConversation[];
  /** Where the sleepers are. */
  quiet: PlannedConversation;
  rounds(): Generator<Round>;
}

const NEWCOMERS = 8;
const CROWD = 60;
/** With several kills a round there are fewer barriers, and the standstill of the archive costs seconds. */
const HOLD_EVERY = { calm: 4, busy: 12 };

/** @param prefix starts every user's id, so that runs against one deployment don't meet */
export function makePlan(seed: number, sizes: Sizes, prefix: string): Plan {
  const random = seeded(seed);
  const several = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${name}${i + 1}`);
  const regulars = several("", sizes.clients);
  const absent = several("absent", Math.max(2, Math.floor(sizes.clients / 4)));
  const guests = several("guest", Math.max(2, Math.floor(sizes.clients / 4)));
  const sleepers = several("sleeper", 2);
  const standing = planStanding(random.branch("standing"), regulars, absent);
  const quiet: PlannedConversation = { label: "quiet", kind: "group", members: [regulars[0] as string, ...sleepers] };
  function* rounds(): Generator<Round> {
    const writer = new Writer(seed);
    for (let number = 1; number <= sizes.rounds; number += 1) {
      const own = random.branch(`round ${number}`);
      const messages = shareOf(sizes.messages, sizes.rounds, number);
      const scripts = planScripts(own.branch("scripts"), { regulars, guests, standing, messages, writer, busy: sizes.busy });
      const faults = planFaults(own.branch("fault"), number, { kills: shareOf(sizes.kills, sizes.rounds, number), messages, contacts: NEWCOMERS });
      const crowded = faults.some(({ moment }) => moment.phase === "created") ? CROWD : 0;
      const contacts = planContacts(own.branch("contacts"), { number, crowded, prefix, regulars, writer, quiet });
      yield { number, scripts, contacts, faults, hold_archive: number % HOLD_EVERY[sizes.busy ? "busy" : "calm"] === 2, random: own.branch("beside") };
    }
  }
  return { seed, sizes, regulars, guests, sleepers, absent, standing, quiet, rounds };
}

/** Of `total` things in `rounds` rounds: how many come in this one. */
function shareOf(total: number, rounds: number, number: number): number {
  return Math.floor((total * number) / rounds) - Math.floor((total * (number - 1)) / rounds);
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

interface ContactsWorld {
  number: number;
  crowded: number;
  prefix: string;
  regulars: readonly string[];
  writer: Writer;
  quiet: PlannedConversation;
}

function planContacts(random: Random, { number, crowded, prefix, regulars, writer, quiet }: ContactsWorld): Contacts {
  const late = Array.from({ length: NEWCOMERS }, (_, i) => ({
    user_id: `${prefix}-late${number}.${i + 1}`, asks: i % 2 === 0 ? ("list" as const) : ("resume" as const),
  }));
  const crowd = Array.from({ length: crowded }, (_, i) => `${prefix}-crowd${number}.${i + 1}`);
  const newcomers = late.map(({ user_id }) => user_id);
  const group: PlannedConversation = { label: `welcome${number}`, kind: "group", members: [...random.some(regulars, 2), ...newcomers, ...crowd] };
  const first = newcomers.map((newcomer, i) => {
    const sender = random.pick(regulars);
    return { ...writer.write(random, sender, { label: `first${number}.${i + 1}`, kind: "direct", members: [sender, newcomer] }), by: "to" as const };
  });
  return { group, first, late, crowd, wake: writer.write(random, quiet.members[0] as string, quiet) };
}
