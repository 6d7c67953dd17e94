// One round: traffic, first contacts, one fault at its planned moment, and the checks that need no history.
import { catchUp, meetNewcomers, untilAnswered, untilListed, untilTold } from "./barrier.ts";
import { checkHeld } from "./held.ts";
import { createGroup, register, sendOverRest } from "./over-rest.ts";
import type { Contacts, Round } from "./plan.ts";
import { DEVICES } from "./scripts.ts";
import { Strike } from "./strike.ts";
import { playScript } from "./traffic.ts";
import type { World } from "./world.ts";

export interface RoundOutcome {
  /** ms until it served again; null where nothing was killed. */
  down_ms: number | null;
}

/** Users known, standing groups made, the regulars' devices connected. */
export async function setUp(world: World): Promise<void> {
  const { plan, journal, devices } = world;
  await register(world, [...plan.regulars, ...plan.absent]);
  for (const conversation of plan.standing) {
    journal.conversations.set(conversation.label, conversation);
    if (conversation.kind === "group") await createGroup(world, conversation);
  }
  for (const device of devices.values()) device.start();
  await untilAnswered(world);
}

export async function playRound(world: World, round: Round): Promise<RoundOutcome> {
  const { deployment, journal, plan } = world;
  const devices = [...world.devices.values()];
  const strike = deployment.faults === null ? null : new Strike(deployment.faults, round.fault);
  const { late, crowd } = round.contacts;
  await register(world, [...late.map(({ user_id }) => user_id), ...crowd]);

  const holding = round.hold_archive && round.fault.victim === "runtime" && deployment.faults !== null;
  const heldSince = performance.now();
  if (holding) deployment.faults.holdArchive();
  try {
    strike?.arm("traffic", journal);
    const rest: Promise<void>[] = [];
    await Promise.all(round.scripts.map((script) => playScript(world, script, rest)));
    await Promise.all(rest);
    await untilAnswered(world);
    await strike?.over("traffic");
    await playContacts(world, round.contacts, strike);
    await untilAnswered(world);

    await Promise.all([untilTold(world, devices), untilListed(world, [...crowd, ...plan.absent]), meetNewcomers(world, late)]);
    if (holding) await checkHeld(world, heldSince);
  } finally {
    if (holding) deployment.faults.releaseArchive();
  }
  await catchUp(world, devices);
  return { down_ms: strike?.downMs ?? null };
}

async function playContacts(world: World, { group, first }: Contacts, strike: Strike | null): Promise<void> {
  const { journal, devices } = world;
  strike?.arm("created", journal);
  const creation = createGroup(world, group);
  if (strike?.phase !== "created") await creation;
  strike?.arm("contacts", journal);
  // Half of them over REST, where nobody sends again what was acknowledged either.
  const rest = first.map((message, i) => {
    if (i % 2 === 0) return sendOverRest(world, message, false);
    devices.get(`${message.sender_id}/${DEVICES[0]}`)?.send([message], false);
    return Promise.resolve();
  });
  await Promise.all([creation, ...rest]);
  await untilAnswered(world);
  await strike?.over("created");
  await strike?.over("contacts");
}
