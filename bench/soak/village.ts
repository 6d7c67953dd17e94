// The people of one generator and their conversations: who talks where, who comes and goes, who joins and leaves.
import { WIRES } from "../dialects/wire.ts";
import { countUp, Journal } from "./journal.ts";
import type { VillagePlan } from "./link.ts";
import { keyOf, Person, type Place } from "./person.ts";
import { INTENSITY, type PhaseName } from "./phases.ts";
import { Rest } from "./rest.ts";

export interface Group extends Place {
  owner: Person;
  members: Set<Person>;
  /** Somebody is being added or removed. */
  changing: boolean;
}

/** Beyond the sockets: those who are away. */
const AWAY_SHARE = 0.2;
const GROUP = 20;
const LARGE_GROUP = 90;
const CONNECTING = 10;
const TICK_MS = 50;
/** Of all messages. */
const IN_GROUPS = 0.6;
/** A socket lives this long on average. */
const SOCKET_LIFE_MS = 5 * 60_000;
/** One of so many people who are here stops reading every second, or speaks another encoding, or acknowledges nothing. */
const PAUSES = 1 / 1_000;
const PAUSE_MS = { shortest: 3_000, more: 12_000 };
const PROTOBUF_EVERY = 4;
const MUTE_EVERY = 100;
/** Of all groups, joined or left a second. */
const MEMBERSHIP = 1 / 100;
const COME_BACK_MS = { first: 2_000, longest: 60_000 };

export class Village {
  readonly journal = new Journal();
  readonly rest: Rest;
  readonly groups: Group[] = [];
  readonly people: Person[];
  private readonly plan: VillagePlan;
  readonly directs: { place: Place; sender: Person }[] = [];
  private phase: PhaseName = "quiet";
  private timer: ReturnType<typeof setInterval> | undefined;
  private sent = 0;
  private connecting = 0;
  private readonly returning = new Set<Person>();
  private readonly owed = { messages: 0, connections: 0, pauses: 0, memberships: 0 };

  constructor(plan: VillagePlan) {
    this.plan = plan;
    this.rest = new Rest(plan.url, plan.tokenCommand);
    const count = Math.ceil(plan.sockets * (1 + AWAY_SHARE));
    this.people = Array.from({ length: count }, (_, i) => new Person(`soak-${plan.number}-${i}`, this.rest, this.journal, WIRES[i % PROTOBUF_EVERY === 0 ? "pb" : "json"], i % MUTE_EVERY === MUTE_EVERY - 1));
  }

  get connected(): Person[] {
    return this.people.filter((person) => person.connected);
  }

  async begin(): Promise<void> {
    // Everybody connects once, and is known from then on.
    for (let start = 0; start < this.people.length; start += CONNECTING) {
      await Promise.all(this.people.slice(start, start + CONNECTING).map(async (person, i) => {
        await person.connect();
        if (start + i >= this.plan.sockets) person.leave(false);
      }));
    }
    const sizes = [Math.min(LARGE_GROUP, this.people.length), ...Array.from({ length: Math.floor(this.people.length / GROUP) }, () => Math.min(GROUP, this.people.length))];
    for (const [number, size] of sizes.entries()) await this.found(number, size);
    for (const [i, sender] of this.people.entries()) {
      const other = this.people[(i + 1) % this.people.length] as Person;
      this.directs.push({ sender, place: { id: null, address: { to: other.name } } });
    }
    let last = performance.now();
    this.timer = setInterval(() => {
      const now = performance.now();
      this.act(now - last);
      last = now;
    }, TICK_MS);
  }

  set(phase: PhaseName): void {
    this.phase = phase;
  }

  /** Nobody does anything more. */
  end(): void {
    clearInterval(this.timer);
  }

  private async found(number: number, size: number): Promise<void> {
    const from = (number * GROUP) % this.people.length;
    const members = Array.from({ length: size }, (_, i) => this.people[(from + i) % this.people.length] as Person);
    const [owner, ...others] = members as [Person, ...Person[]];
    const id = await this.rest.createGroup(owner.name, `Group ${number}`, others.map(({ name }) => name));
    this.groups.push({ id, address: { conversation_id: id }, owner, members: new Set(members), changing: false });
  }

  /** @param ms since the last time */
  private act(ms: number): void {
    const { owed, plan } = this;
    const share = INTENSITY[this.phase];
    owed.messages += (plan.messagesPerSecond * share * ms) / 1_000;
    if (share > 0) {
      owed.connections += (plan.sockets * ms) / SOCKET_LIFE_MS;
      owed.pauses += (plan.sockets * PAUSES * ms) / 1_000;
      owed.memberships += (this.groups.length * MEMBERSHIP * ms) / 1_000;
    }
    while (spend(owed, "messages")) this.say();
    while (spend(owed, "connections")) this.churn();
    while (spend(owed, "pauses")) oneOf(this.connected)?.pause(PAUSE_MS.shortest + Math.random() * PAUSE_MS.more);
    while (spend(owed, "memberships")) void this.changeMembers();
    for (const person of this.people) if (person.here && !person.connected) this.return(person);
  }

  private say(): void {
    if (Math.random() < IN_GROUPS) {
      const group = oneOf(this.groups);
      const sender = group === undefined ? undefined : oneOf([...group.members].filter((member) => member.ready));
      if (group !== undefined && sender !== undefined) sender.send(group, this.key());
    } else {
      const direct = oneOf(this.directs);
      if (direct?.sender.ready === true) direct.sender.send(direct.place, this.key());
    }
  }

  private key(): string {
    this.sent += 1;
    return keyOf(this.plan.number, this.sent);
  }

  /** Half of them come back at once, as after a bad network; the others make room for somebody else. */
  private churn(): void {
    const person = oneOf(this.connected);
    if (person === undefined) return;
    const cut = Math.random() < 0.5;
    person.leave(cut);
    const next = Math.random() < 0.5 ? person : oneOf(this.people.filter(({ here }) => !here)) ?? person;
    next.here = true;
  }

  /** As clients come back: after a random while that grows with every failure, and here no more than so many at once. */
  private return(person: Person): void {
    if (this.returning.has(person)) return;
    this.returning.add(person);
    setTimeout(() => void this.comeBack(person), Math.random() * Math.min(COME_BACK_MS.longest, COME_BACK_MS.first * 2 ** person.failures));
  }

  private async comeBack(person: Person): Promise<void> {
    while (this.connecting >= CONNECTING) {
      await new Promise((resolve) => {
        setTimeout(resolve, TICK_MS);
      });
    }
    this.connecting += 1;
    try {
      await person.connect();
      person.failures = 0;
    } catch (error) {
      person.failures += 1;
      countUp(this.journal.refusals, error instanceof Error ? error.message.replace(person.name, "somebody") : String(error));
    } finally {
      this.connecting -= 1;
      this.returning.delete(person);
    }
  }

  private async changeMembers(): Promise<void> {
    const group = oneOf(this.groups);
    if (group === undefined || group.changing) return;
    group.changing = true;
    const strangers = this.people.filter((person) => !group.members.has(person));
    const joins = Math.random() < 0.5 && strangers.length > 0 && group.members.size < LARGE_GROUP + GROUP;
    const person = oneOf(joins ? strangers : [...group.members].filter((member) => member !== group.owner));
    try {
      if (person === undefined || group.id === null) return;
      const path = `/v1/conversations/${group.id}/members/${person.name}`;
      if (joins) {
        await this.rest.call(group.owner.name, "PUT", path);
        group.members.add(person);
        this.journal.counts.joins += 1;
      } else {
        group.members.delete(person);
        person.left(group.id);
        await this.rest.call(group.owner.name, "DELETE", path);
        this.journal.counts.leaves += 1;
      }
    } catch (error) {
      this.journal.violation(String(error));
    } finally {
      group.changing = false;
    }
  }
}

function spend<K extends string>(owed: Record<K, number>, what: K): boolean {
  if (owed[what] < 1) return false;
  owed[what] -= 1;
  return true;
}

function oneOf<T>(values: readonly T[]): T | undefined {
  return values[Math.floor(Math.random() * values.length)];
}
