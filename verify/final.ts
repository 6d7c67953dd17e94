// The end of a run: those who were away all the time come, everything is read from its beginning, in both directions, and the
// archive itself is looked into.
import { catchUp, meetNewcomers } from "./barrier.ts";
import { checkArchive } from "./checks/archive.ts";
import { WholeReading } from "./checks/histories.ts";
import type { Course } from "./course.ts";
import { closeWindow } from "./news.ts";
import { eachPage } from "./pages.ts";
import { type Random, seeded } from "./random.ts";
import { inLanes, isMoot, pause, type World } from "./world.ts";
import { archivedRows } from "./archived.ts";

const WIDTH = 6;
const PAGES = [7, 20, 50, 100];
/** After this much longer than the seal's own time the archive has what it can get. */
const ARCHIVE_MS = 2_500;

export interface FinalOutcome {
  /** Bodies that were read from the archive; null where nobody may ask for that. */
  archived: number | null;
  /** Rows of the archive that were compared; null where it is not here. */
  compared: number | null;
}

export async function finish(world: World): Promise<FinalOutcome> {
  const { plan, devices, deployment } = world;
  const random = seeded(plan.seed).branch("reading");
  if (isMoot(world)) return { archived: null, compared: null };
  await catchUp(world, [...devices.values()]);
  await meetNewcomers(world, plan.absent.map((user_id) => ({ user_id, asks: "resume" })));
  await closeWindow(world, random, plan.sizes.rounds + 1);
  if (isMoot(world)) return { archived: null, compared: null };
  if (deployment.faults !== null) await pause(deployment.faults.sealAfterMs + ARCHIVE_MS);
  const archived = await countPruned(world);
  await readEverything(world, random);
  await Promise.all([...devices.values()].map((device) => device.stop()));
  return { archived, compared: deployment.faults === null ? null : compareArchive(world, deployment.faults.archive) };
}

interface Task {
  world: World;
  course: Course;
  reader: string;
  limit: number;
  order: "asc" | "desc";
  /** Is written to a file, and hashed. */
  kept: boolean;
}

/** Each conversation by each of its members in pages of all sizes; in a long run once in each direction, since every device has it all. */
async function readEverything(world: World, random: Random): Promise<void> {
  const { journal, plan } = world;
  const { busy } = plan.sizes;
  const tasks = [...journal.conversations.values()].flatMap(({ label, members }) => {
    const course = journal.courseOf(label);
    if (course === undefined) return [];
    const shuffled = random.some(members, members.length);
    const [first = "", second = first] = shuffled;
    const readings = busy ? [{ reader: second, order: "desc" as const }] : shuffled.flatMap((reader, i) => [...(i === 0 ? [] : [{ reader, order: "asc" as const }]), { reader, order: "desc" as const }]);
    return [{ reader: first, order: "asc" as const, kept: true }, ...readings.map((reading) => ({ ...reading, kept: false }))]
      .map((task) => ({ ...task, course, limit: busy ? 100 : random.pick(PAGES) }));
  });
  await inLanes(tasks, WIDTH, async (task) => {
    if (isMoot(world)) return;
    journal.counts.histories += 1;
    await readWhole({ world, ...task });
  });
}

async function readWhole({ world, course, reader, limit, order, kept }: Task): Promise<void> {
  const { journal, violations, spill } = world;
  const reading = new WholeReading(journal, violations, course, reader, order);
  const file = kept ? spill.history(course.label) : null;
  const had = await eachPage(world, reader, course.id, { order, limit }, (events) => {
    reading.take(events);
    file?.take(events);
  });
  file?.end();
  if (had) reading.end();
}

function compareArchive({ journal, violations }: World, file: string): number {
  let compared = 0;
  for (const { label } of journal.conversations.values()) {
    const course = journal.courseOf(label);
    if (course !== undefined) compared += checkArchive(journal, violations, course, archivedRows(file, course.id));
  }
  return compared;
}

async function countPruned({ deployment, journal }: World): Promise<number | null> {
  if (deployment.faults === null) return null;
  const token = await deployment.faults.serviceToken();
  let pruned = 0;
  for (const { label } of journal.conversations.values()) {
    const id = journal.idOf(label);
    if (id === undefined) continue;
    const answer = await fetch(`${deployment.url()}/v1/admin/conversations/${id}/stats`, { headers: { authorization: `Bearer ${token}` } });
    if (answer.status === 200) pruned += ((await answer.json()) as { pruned_seq: number }).pruned_seq;
    else await answer.arrayBuffer();
  }
  return pruned;
}
