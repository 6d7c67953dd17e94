// The end of one generator's run: everything comes to rest, and every history is read and compared with what was acknowledged and
// with what every device has.
import type { Event } from "../../protocol/events.ts";
import type { Findings } from "./link.ts";
import type { Person } from "./person.ts";
import type { Village } from "./village.ts";

const REST_WITHIN_MS = 60_000;
const LOOK_MS = 50;
/** Histories that are read at once. */
const READING = 4;

export async function finish(village: Village): Promise<Findings> {
  const { journal } = village;
  village.set("quiet");
  await resting(village);
  village.end();
  const readers = readersOf(village);
  let [events, acked, views] = [0, 0, 0];
  const ids = [...new Set([...journal.acks.keys(), ...readers.keys()])];
  await inTurns(ids, READING, async (id) => {
    const reader = readers.get(id);
    if (reader === undefined) {
      journal.violation(`${id} is nobody's, and has acknowledged messages`);
      return;
    }
    const history = await readAll(village, reader, id);
    events += history.length;
    acked += compare(village, id, history);
    views += compareViews(village, id, history.at(-1)?.seq ?? 0);
  });
  return {
    conversations: ids.length, events, acked, views, violations: journal.violations,
    closeCodes: Object.fromEntries(journal.closeCodes), refusals: Object.fromEntries(journal.refusals),
  };
}

/** Resolves once nothing is under way any more, or it took too long; what lacks is found afterwards. */
async function resting(village: Village): Promise<void> {
  const deadline = performance.now() + REST_WITHIN_MS;
  const calm = (): boolean => village.people.every((person) => person.idle && person.here === person.connected) && village.groups.every(({ changing }) => !changing);
  for (let calmFor = 0; calmFor < 20 && performance.now() < deadline; calmFor = calm() ? calmFor + 1 : 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
  }
  for (const person of village.people) {
    if (person.here && !person.idle) village.journal.violation(`${person.name} lacks answers, or what is before something that it has`);
  }
}

/** For each conversation somebody who may read all of it. */
function readersOf(village: Village): Map<string, Person> {
  const groups = village.groups.map(({ id, owner }) => [id, owner] as const);
  const directs = village.directs.map(({ place, sender }) => [place.id, sender] as const);
  return new Map([...groups, ...directs].filter((entry): entry is [string, Person] => entry[0] !== null));
}

async function readAll(village: Village, reader: Person, id: string): Promise<Event[]> {
  const all: Event[] = [];
  for (;;) {
    const page = await village.rest.after(reader.name, id, all.at(-1)?.seq ?? 0);
    if (page === null) {
      village.journal.violation(`${reader.name} may not read ${id}`);
      return all;
    }
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** How many acknowledged messages were looked for. */
function compare({ journal }: Village, id: string, history: readonly Event[]): number {
  const keys = new Map<string, number>();
  for (const [i, event] of history.entries()) {
    if (event.seq !== i + 1) {
      journal.violation(`${id}: ${event.seq} stands where ${i + 1} should be`);
      break;
    }
    const shown = journal.shown.get(id)?.[event.seq];
    if (shown !== undefined && shown !== event.msg_id) journal.violation(`${id}: ${event.seq} was shown as ${shown}, and history has ${event.msg_id}`);
    if (event.type !== "msg" || event.client_msg_id === undefined) continue;
    const double = keys.get(event.client_msg_id);
    if (double !== undefined) journal.violation(`${id}: ${event.client_msg_id} is there twice, as ${double} and ${event.seq}`);
    keys.set(event.client_msg_id, event.seq);
  }
  const acks = Object.entries(journal.acks.get(id) ?? []);
  for (const [seq, key] of acks) {
    if (keys.get(key) !== Number(seq)) journal.violation(`${id}: ${key} was acknowledged as ${seq}, and history has it as ${keys.get(key) ?? "nothing"}`);
  }
  return acks.length;
}

/** Whoever is here has everything up to the head. */
function compareViews(village: Village, id: string, head: number): number {
  let compared = 0;
  const group = village.groups.find((candidate) => candidate.id === id);
  for (const person of village.people) {
    const view = person.views.get(id);
    if (!person.connected || view === undefined || (group !== undefined && !group.members.has(person))) continue;
    compared += 1;
    if (view.seq !== head) village.journal.violation(`${person.name} has ${id} up to ${view.seq} of ${head}`);
  }
  return compared;
}

async function inTurns<T>(values: readonly T[], width: number, work: (value: T) => Promise<void>): Promise<void> {
  const waiting = [...values];
  await Promise.all(Array.from({ length: width }, async () => {
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) await work(value);
  }));
}
