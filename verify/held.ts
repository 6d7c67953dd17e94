// While the archiver stands still nothing sent since then can be in an archive. So all of it must be readable at once, also
// after the conversation has sealed it: a body may go only when the archive has it, not when it is on its way there.
import { checkSight } from "./checks/sights.ts";
import { readPages } from "./pages.ts";
import { inLanes, pause, type World } from "./world.ts";

/** For the alarm, the seal and whatever a build would do right after it. */
const AFTER_SEAL_MS = 1_500;
const WIDTH = 8;

/** @param since when the archiver was stopped */
export async function checkHeld(world: World, since: number, sealAfterMs: number): Promise<void> {
  const { journal, violations } = world;
  const firsts = new Map<string, { from: number; reader: string; last: number }>();
  for (const { message, attempts, acks, old } of journal.sendings.values()) {
    const { conversation } = message;
    const ack = acks[0];
    if (ack === undefined || old !== null || (attempts[0]?.at ?? 0) < since) continue;
    const known = firsts.get(conversation.label);
    const from = Math.min(ack.seq, known?.from ?? Number.POSITIVE_INFINITY);
    firsts.set(conversation.label, { from, reader: conversation.members[0] as string, last: Math.max(ack.at, known?.last ?? 0) });
  }
  const newest = Math.max(since, ...[...firsts.values()].map(({ last }) => last));
  await pause(Math.max(0, newest + sealAfterMs + AFTER_SEAL_MS - performance.now()));
  await inLanes([...firsts], WIDTH, async ([label, { from, reader }]) => {
    const events = await readPages(world, reader, journal.idOf(label) as string, { after: from - 1, limit: 100 }, false);
    for (const event of events ?? []) checkSight(journal, violations, event, `${reader} while the archive stood still`, true);
  });
}
