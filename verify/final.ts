// The end of a run: those who were away all the time come, everybody reads everything, and the verdicts are made.
import { catchUp, meetNewcomers } from "./barrier.ts";
import { checkAcks } from "./checks/acks.ts";
import { checkContents } from "./checks/contents.ts";
import { checkHistories } from "./checks/histories.ts";
import { checkOrder } from "./checks/order.ts";
import { checkViews } from "./checks/views.ts";
import { SETTINGS } from "./local.ts";
import { readPages } from "./pages.ts";
import { seeded } from "./random.ts";
import { inLanes, pause, type World } from "./world.ts";

const WIDTH = 8;
const PAGES = [7, 20, 50, 100];
/** After this much longer than the seal's own time the archive has what it can get. */
const ARCHIVE_MS = 2_500;

export interface FinalOutcome {
  /** Bodies that were read from the archive; null where nobody may ask for that. */
  archived: number | null;
}

export async function finish(world: World): Promise<FinalOutcome> {
  const { plan, devices, deployment, violations } = world;
  await catchUp(world, [...devices.values()]);
  if (violations.all.length === 0) await meetNewcomers(world, plan.absent.map((user_id) => ({ user_id, asks: "resume" })));
  if (deployment.faults !== null && violations.all.length === 0) await pause(Number(SETTINGS.CONFAB_SEAL_AFTER_MS) + ARCHIVE_MS);
  const archived = await countPruned(world);
  await readEverything(world);
  await Promise.all([...devices.values()].map((device) => device.stop()));
  judge(world);
  return { archived };
}

/** Pure: what the log says about the deployment. */
export function judge({ journal, violations }: Pick<World, "journal" | "violations">): void {
  checkAcks(journal, violations);
  checkHistories(journal, violations);
  checkContents(journal, violations);
  checkViews(journal, violations);
  checkOrder(journal, violations);
}

/** Each conversation by each of its members, in both directions, in pages of all sizes. */
async function readEverything(world: World): Promise<void> {
  const { journal, plan } = world;
  const random = seeded(plan.seed).branch("reading");
  const tasks = [...journal.conversations.values()].flatMap(({ label, members }) => {
    const id = journal.idOf(label);
    if (id === undefined) return [];
    return members.flatMap((user_id) => (["asc", "desc"] as const).map((order) => ({ label, id, user_id, order, limit: random.pick(PAGES) })));
  });
  await inLanes(tasks, WIDTH, async ({ label, id, user_id, order, limit }) => {
    const events = await readPages(world, user_id, id, { order, limit });
    if (events !== null) journal.readings.push({ label, user_id, order, events });
  });
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
