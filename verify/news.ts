// After each round: what is new in each history is read and held against all that is known, what everybody was shown against
// who was in when; then the window is written away.
import { checkPlaces } from "./checks/acks.ts";
import { checkNews } from "./checks/histories.ts";
import { checkOrder } from "./checks/order.ts";
import { checkReceipts, checkStored, type Heard, type Rank } from "./checks/receipts.ts";
import { checkSight } from "./checks/sights.ts";
import { checkBeginning, checkSeen } from "./checks/stays.ts";
import type { Course, Stay } from "./course.ts";
import { readPages } from "./pages.ts";
import type { Random } from "./random.ts";
import { call, persist } from "./rest.ts";
import type { Shown } from "./journal.ts";
import { BOUNDS, inLanes, isMoot, type World } from "./world.ts";

const WIDTH = 8;
const NEWEST = 50;
const FOREVER: readonly Stay[] = [{ from: 1, to: Number.POSITIVE_INFINITY }];

/** Nothing is under way. */
export async function closeWindow(world: World, random: Random, round: number): Promise<void> {
  const { journal, violations, spill } = world;
  checkPlaces(journal, violations);
  const heard = journal.marks.close();
  checkReceipts(violations, heard, (id) => journal.labelOf(id));
  const heardIn = Map.groupBy(heard, ({ told }) => told.conversation_id);
  await inLanes(journal.withNews(), WIDTH, async (course) => {
    if (isMoot(world)) return;
    const members = (journal.conversations.get(course.label)?.members ?? []).filter((user) => world.plan.regulars.includes(user));
    const reader = random.pick(members);
    const events = await readPages(world, reader, course.id, { after: course.tail.seq, limit: 100 });
    if (events === null) return;
    checkNews(journal, violations, course, reader, events);
    await readBackwards(world, course, random.pick(members));
    await askReceipts(world, course, reader, events, heardIn.get(course.id) ?? []);
  });
  checkOrder(journal, violations);
  if (!isMoot(world)) {
    checkViews(world);
    await checkGuests(world);
  }
  spill.window(round, journal.sendings.values());
  // What is broken keeps its evidence.
  if (!isMoot(world)) journal.close();
}

/** Only the newest page: it ends where the history ends. */
async function readBackwards(world: World, course: Course, reader: string): Promise<void> {
  const { deployment, journal, violations } = world;
  const answer = await persist(() => call(deployment, reader, "GET", `/v1/history/${course.id}?limit=${NEWEST}`), BOUNDS.archive, ["archive_unavailable"]);
  const events = answer.status === 200 ? (answer.body as { events: Shown[] }).events : [];
  for (const event of events) checkSight(journal, violations, event, `${reader} newest page`, true);
  const newest = events[0]?.seq ?? 0;
  if (newest !== course.tail.seq) violations.add("lost", `${course.label} ends at ${course.tail.seq}, and its newest page, read by ${reader}, at ${newest}`, [`${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`]);
}

/** Of one message that most of what was told speaks of. */
async function askReceipts({ deployment, violations }: World, course: Course, reader: string, events: readonly Shown[], heard: readonly Heard[]): Promise<void> {
  const furthest = Math.min(...heard.map(({ told }) => told.up_to_seq).filter((seq) => seq >= (events[0]?.seq ?? Number.POSITIVE_INFINITY)));
  const message = events.findLast(({ type, seq }) => type === "msg" && seq <= furthest);
  if (message === undefined) return;
  const answer = await persist(() => call(deployment, reader, "GET", `/v1/conversations/${course.id}/receipts?msg_id=${message.msg_id}`), BOUNDS.archive);
  if (answer.status !== 200) {
    violations.add("lost", `the receipts of seq ${message.seq} of ${course.label} can't be read by its member ${reader}: ${answer.status}`, [JSON.stringify(answer.body)]);
    return;
  }
  const { receipts } = answer.body as { receipts: { user_id: string; status: Rank }[] };
  checkStored(violations, course.label, message.seq, heard, new Map(receipts.map(({ user_id, status }) => [user_id, status])));
}

/** Everything that any device was ever shown lies in its user's stays. */
function checkViews({ devices, journal, violations }: World): void {
  for (const device of devices.values()) {
    for (const [id, view] of device.views) {
      const course = journal.course(id);
      const conversation = journal.conversations.get(course?.label ?? "");
      const stays = conversation?.kind === "direct" ? (conversation.members.includes(device.user_id) ? FOREVER : []) : (course?.stays.get(device.user_id) ?? []);
      checkSeen(violations, device.name, course?.label ?? id, stays, view.seen.list());
    }
  }
}

/** Who came later reads from their joining on; who is out reads nothing. */
async function checkGuests(world: World): Promise<void> {
  const { plan, journal, violations, deployment } = world;
  const groups = plan.standing.filter(({ kind }) => kind === "group");
  await inLanes(groups.flatMap((group) => plan.guests.map((guest) => ({ group, guest }))), WIDTH, async ({ group: { label }, guest }) => {
    const course = journal.courseOf(label);
    if (course === undefined) return;
    const answer = await persist(() => call(deployment, guest, "GET", `/v1/history/${course.id}?order=asc&limit=5`), BOUNDS.archive, ["archive_unavailable"]);
    const events = answer.status === 200 ? (answer.body as { events: Shown[] }).events : null;
    const stay = course.stays.get(guest)?.at(-1);
    if (!journal.isMember(label, guest)) {
      if (events !== null) violations.add("leaked", `${guest} is not in ${label}, and reads its history`, [JSON.stringify(events[0])]);
      else if (answer.status !== 404) violations.add("regressed", `${guest} is not in ${label}, and is told ${answer.status} of it`, [JSON.stringify(answer.body)]);
    } else if (events === null || stay === undefined) {
      violations.add("lost", `${guest} was let into ${label}, and can't read it`, [JSON.stringify(answer.body).slice(0, 300)]);
    } else {
      checkBeginning(violations, guest, label, stay, events[0]);
      // Of a change of something from before they came they are shown the place alone.
      for (const event of events) if (event.type !== "skip") checkSight(journal, violations, event, `${guest} first page`, true);
    }
  });
}
