// One round: traffic, first contacts, its faults at their planned moments, and the checks of what it has left.
import { catchUp, meetNewcomers, untilAnswered, untilListed, untilTold } from "./barrier.ts";
import { type Beside, breakBeside } from "./beside.ts";
import { checkHeld } from "./held.ts";
import { closeWindow } from "./news.ts";
import { createGroup, register, sendOverRest } from "./over-rest.ts";
import type { Contacts, Round } from "./plan.ts";
import { DEVICES } from "./scripts.ts";
import { Strikes, type Struck } from "./strike.ts";
import { playScript } from "./traffic.ts";
import { isMoot, type World } from "./world.ts";

export interface RoundOutcome extends Beside {
  struck: readonly Struck[];
}

/** Users known, standing groups made, everybody's devices connected. */
export async function setUp(world: World): Promise<void> {
  const { plan, journal, devices } = world;
  await register(world, [...plan.regulars, ...plan.guests, ...plan.sleepers, ...plan.absent]);
  for (const conversation of [...plan.standing, plan.quiet]) {
    journal.conversations.set(conversation.label, conversation);
    if (conversation.kind === "group") await createGroup(world, conversation);
  }
  for (const device of devices.values()) device.start();
  await untilAnswered(world);
}

export async function playRound(world: World, round: Round): Promise<RoundOutcome> {
  const { journal, plan } = world;
  const { faults } = world.deployment;
  const devices = [...world.devices.values()];
  const strikes = faults === null ? null : new Strikes(faults, journal, round.faults);
  const { late, crowd } = round.contacts;
  await register(world, [...late.map(({ user_id }) => user_id), ...crowd]);

  // A start of everything would start the archiver as well.
  const holding = faults !== null && round.hold_archive && round.faults.every(({ victim }) => victim !== "tree");
  const heldSince = performance.now();
  if (holding) faults.holdArchive();
  const beside = faults === null || round.faults.length === 0 || holding ? null : breakBeside(world, faults, round.random);
  let broken: Beside = { evictions: 0, archiver_kills: 0 };
  try {
    strikes?.arm("traffic");
    const rest: Promise<void>[] = [];
    await Promise.all(round.scripts.map((script) => playScript(world, script, rest)));
    await Promise.all(rest);
    await strikes?.over("traffic");
    broken = (await beside?.()) ?? broken;
    await untilAnswered(world);
    await playContacts(world, round.contacts, strikes);
    await untilAnswered(world);

    await Promise.all([untilTold(world, devices), untilListed(world, [...crowd, ...plan.absent]), meetNewcomers(world, late)]);
    if (holding && !isMoot(world)) await checkHeld(world, heldSince, faults.sealAfterMs);
  } finally {
    await beside?.();
    if (holding) faults.releaseArchive();
  }
  if (!isMoot(world)) await catchUp(world, devices);
  await closeWindow(world, round.random, round.number);
  return { struck: strikes?.struck ?? [], ...broken };
}

async function playContacts(world: World, { group, first, wake }: Contacts, strikes: Strikes | null): Promise<void> {
  const { devices } = world;
  if (isMoot(world)) return;
  devices.get(`${wake.sender_id}/${DEVICES[0]}`)?.send([wake], false);
  const inCreation = strikes?.has("created") === true;
  if (inCreation) strikes.arm("created");
  const creation = createGroup(world, group);
  if (!inCreation) await creation;
  if (strikes?.has("contacts") === true) strikes.arm("contacts");
  // Half of them over REST, where nobody sends again what was acknowledged either.
  const rest = first.map((message, i) => {
    if (i % 2 === 0) return sendOverRest(world, message, false);
    devices.get(`${message.sender_id}/${DEVICES[0]}`)?.send([message], false);
    return Promise.resolve();
  });
  await Promise.all([creation, ...rest]);
  await untilAnswered(world);
  await strikes?.over("created");
  await strikes?.over("contacts");
}
