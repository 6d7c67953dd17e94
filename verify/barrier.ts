// Between two rounds: everything that was sent is acknowledged, everybody who is there was told, and everybody who is not
// there finds it. Nothing is sent meanwhile: what a crash made the deployment forget, no later message may bring back.
import { Device } from "./device.ts";
import type { ConversationRow } from "../protocol/rest.ts";
import { readPages } from "./pages.ts";
import { call, persist } from "./rest.ts";
import { BOUNDS, inLanes, isMoot, until, type World } from "./world.ts";

const POLL_MS = 100;
const WIDTH = 8;
const LIST_PAGE = 100;

/** Every device is connected and has all its acknowledgements. */
export async function untilAnswered(world: World): Promise<void> {
  const { devices, journal, violations } = world;
  const all = [...devices.values()];
  if (await until(() => isMoot(world) || all.every((device) => device.connected && device.outbox.size === 0), BOUNDS.answer)) return;
  for (const device of all) {
    if (!device.connected) violations.add("unanswered", `${device.name} can't connect`);
    for (const sending of device.outbox.unanswered) {
      violations.add("unanswered", `${sending.key} has no acknowledgement ${BOUNDS.answer / 1_000} s after the deployment served again`, journal.story(sending));
    }
  }
}

/** What a device was not told of, or only in part. */
function untold(world: World, device: Device): { label: string; head: number; learned: number | null }[] {
  return world.journal.conversationsOf(device.user_id).flatMap(({ label, id }) => {
    const head = world.journal.headOf(id);
    const learned = device.views.get(id)?.learned ?? null;
    return learned !== null && learned >= head ? [] : [{ label, head, learned }];
  });
}

/** Connected devices get every event, or are told how far their conversations reach. */
export async function untilTold(world: World, devices: readonly Device[]): Promise<void> {
  if (!(await until(() => isMoot(world) || devices.every((device) => untold(world, device).length === 0), BOUNDS.learn))) {
    for (const device of devices) {
      for (const { label, head, learned } of untold(world, device)) {
        const about = `${label}, which reaches ${head}, within ${BOUNDS.learn / 1_000} s`;
        if (learned === null) world.violations.add("unlisted", `${device.name} resumed and never heard of ${about}`, evidenceOf(world, label));
        else world.violations.add("undelivered", `${device.name} is connected and has heard only up to ${learned} of ${about}`, evidenceOf(world, label));
      }
    }
  }
  for (const device of devices) device.settled();
}

/** Each of these users finds all their conversations, with their heads, in their list. */
export async function untilListed(world: World, users: readonly string[]): Promise<void> {
  const deadline = performance.now() + BOUNDS.learn;
  await inLanes(users, WIDTH, async (user) => {
    for (;;) {
      const rows = await list(world, user);
      const missing = world.journal.conversationsOf(user).flatMap(({ label, id }) => {
        const head = world.journal.headOf(id);
        const listed = rows.get(id) ?? null;
        return listed !== null && listed >= head ? [] : [{ label, head, listed }];
      });
      if (missing.length === 0 || isMoot(world)) return;
      if (performance.now() > deadline) {
        for (const { label, head, listed } of missing) {
          const about = `${label}, which reaches ${head}, ${BOUNDS.learn / 1_000} s after the deployment served`;
          if (listed === null) world.violations.add("unlisted", `${user} does not find ${about}`, evidenceOf(world, label));
          else world.violations.add("undelivered", `${user}'s list shows only ${listed} of ${about}`, evidenceOf(world, label));
        }
        return;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, POLL_MS);
      });
    }
  });
}

/** conversation_id → head_seq, over all pages of the list. */
async function list({ deployment }: World, user: string): Promise<Map<string, number>> {
  const rows = new Map<string, number>();
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await persist(() => call(deployment, user, "GET", `/v1/conversations?limit=${LIST_PAGE}${query}`), BOUNDS.learn);
    if (answer.status !== 200) throw new Error(`${user} gets no list: ${answer.status} ${JSON.stringify(answer.body)}`);
    const page = answer.body as { conversations: ConversationRow[]; next_cursor: string | null };
    for (const row of page.conversations) rows.set(row.conversation_id, row.head_seq);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return rows;
}

/** Every device pulls what it was only told of, as a client does; afterwards it has everything without a hole. */
export async function catchUp(world: World, devices: readonly Device[]): Promise<void> {
  const { journal, violations } = world;
  const behind = devices.flatMap((device) => [...device.views].filter(([id, view]) => (
    view.contiguous < view.learned && journal.isMember(journal.labelOf(id) ?? "", device.user_id)
  )).map(([id, view]) => ({ device, id, view })));
  await inLanes(behind, WIDTH, async ({ device, id, view }) => {
    const from = view.contiguous;
    const events = await readPages(world, device.user_id, id, { after: from, limit: 50 });
    for (const event of events ?? []) device.shown(event, `${device.name} after ${from}`, false);
    if (events !== null && view.contiguous < view.learned) {
      violations.add("hole", `${device.name} pulled ${journal.labelOf(id) ?? id} after ${from} and lacks ${view.contiguous + 1}, though it reaches ${view.learned}`);
    }
  });
}

/** Newcomers come for the first time: some look at their list first, some resume from nothing. */
export async function meetNewcomers(world: World, newcomers: readonly { user_id: string; asks: "list" | "resume" }[]): Promise<void> {
  const devices = newcomers.map(({ user_id }) => new Device(world, user_id, "phone"));
  const byList = newcomers.filter(({ asks }) => asks === "list").map(({ user_id }) => user_id);
  const byResume = newcomers.filter(({ asks }) => asks === "resume").map(({ user_id }) => user_id);
  const resuming = devices.filter(({ user_id }) => byResume.includes(user_id));
  const others = devices.filter((device) => !resuming.includes(device));
  try {
    for (const device of resuming) device.start();
    await Promise.all([untilListed(world, byList), untilTold(world, resuming)]);
    // Whoever is missed already need not be waited for again.
    if (isMoot(world)) return;
    for (const device of others) device.start();
    await Promise.all([untilTold(world, others), untilListed(world, byResume)]);
    await catchUp(world, devices);
  } finally {
    await Promise.all(devices.map((device) => device.stop()));
  }
}

function evidenceOf({ journal }: World, label: string): string[] {
  const sendings = [...journal.sendings.values()].filter(({ message, acks }) => message.conversation.label === label && acks.length > 0);
  return [`${label} is ${journal.idOf(label) ?? "unknown"}`, ...sendings.slice(-3).flatMap((sending) => journal.story(sending))];
}
