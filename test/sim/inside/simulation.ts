// One seed: a world with its own mixture of faults, people who act in it, its healing, and the verdict.
import type { RestoreReport } from "../../../archiver/restore/restore.ts";
import { Chance } from "./chance.ts";
import { newOwner } from "./clock.ts";
import type { Device } from "./device.ts";
import { type Faults, healed, someFaults } from "./faults.ts";
import { WIDER, WIDEST } from "../seeds.ts";
import { type Cast, People } from "./people.ts";
import { type Breach, disordered, unarchived, uncounted, unfinished, unread, unsettled, untold } from "./verdict.ts";
import { Witness } from "./witness.ts";
import { World } from "./world.ts";

/** Virtual ms in which all must have come to rest after the healing. */
const PATIENCE_MS = 600_000;
/** Until the first look whether it is so; the next are further apart. */
const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 20_000;
/** Virtual ms until nobody waits for anything: the archive's waits are the longest. */
const END_MS = 4 * 3_600_000;

export interface Outcome {
  seed: number;
  hash: string;
  breaches: Breach[];
  steps: number;
  events: number;
  sent: number;
  /** Conversations that came back from the archive. */
  restored: number;
  /** Virtual ms. */
  lasted: number;
  lines: string[];
}

interface Wider {
  /** Groups of three and more are told as large ones are. */
  modes: boolean;
  /** Conversations that are lost and restored. */
  restores: number;
  /** Chance in a second that a segment vanishes from the bucket. */
  vanishing: number;
}

/** What a mutant is known by: the first rule that it breaks. */
class Broken extends Error {}

export async function simulate(seed: number, traced: boolean): Promise<Outcome> {
  const run = new Simulation(seed, traced);
  await run.world.open();
  // From a turn of its own: within a promise nothing else settles.
  await new Promise<void>((resolve, reject) => {
    setImmediate(() => {
      try {
        run.play();
        resolve();
      } catch (error) {
        if (error instanceof Broken) resolve();
        else reject(error as Error);
      } finally {
        run.world.close();
      }
    });
  });
  return run.outcome();
}

class Simulation {
  readonly world: World;
  readonly #seed: number;
  readonly #witness: Witness;
  readonly #people: People;
  readonly #chance: Chance;
  readonly #chaos: Chance;
  readonly #cast: Cast;
  readonly #faults: Faults;
  readonly #breaches: Breach[] = [];
  readonly #begun: number;
  readonly #widening: Chance;
  readonly #wider: Wider;

  constructor(seed: number, traced: boolean) {
    this.#seed = seed;
    this.#chance = new Chance(seed, "people");
    this.#chaos = new Chance(seed, "chaos");
    this.#cast = castOf(this.#chance);
    this.#faults = someFaults(this.#chaos);
    this.#widening = new Chance(seed, "wider");
    this.#wider = widerOf(seed, this.#widening);
    this.world = new World(seed, { ...settingsOf(new Chance(seed, "settings")), ...(this.#wider.modes ? LARGE_FROM_THREE : {}) }, traced, {
      committed: (home) => this.#witness.committed(home),
      listen: (device) => this.#witness.listen(device, device.client),
      broken: (rule, what) => this.#breaks(rule, what),
    });
    this.#witness = new Witness({ broken: (rule, what) => this.#breaks(rule, what), archivedRows: (id, to) => this.#archivedRows(id, to) });
    this.#people = new People(this.world, this.#witness, this.#chance, this.#cast);
    this.#begun = this.world.clock.now;
  }

  play(): void {
    const { world } = this;
    this.#people.arrive();
    this.#run(2_000);
    this.#people.createGroups(this.#chance.between(1, 2));
    this.#run(2_000);
    world.faults = this.#faults;
    this.#worsen();
    if (this.#wider.vanishing > 0) this.#vanish();
    for (let i = 0; i < this.#cast.actions; i++) {
      this.#people.act();
      this.#run(this.#chance.skewed(0, this.#cast.pause));
    }
    this.#heal();
    this.#until(() => unsettled(world, this.#witness));
    this.#findAll(disordered(this.#witness));
    for (let i = 0; i < this.#wider.restores; i++) this.#loseAndRestore();
    this.#lookBack();
    this.#until(() => all(unread(world, this.#witness), uncounted(world, this.#witness)));
    for (const device of world.devices) for (const end of device.sockets) if (end.readyState === 1) world.network.cut(end, 100);
    this.#until(() => all(unsettled(world, this.#witness), untold(world, this.#witness)));
    for (const device of world.devices) device.act((client) => client.close());
    this.#until(() => unfinished(world, this.#witness), END_MS);
  }

  outcome(): Outcome {
    const { trace, clock } = this.world;
    return {
      seed: this.#seed, hash: trace.hash, breaches: this.#breaches, steps: clock.steps, events: this.#witness.events, sent: this.#witness.sent.size,
      restored: [...this.#witness.histories.values()].reduce((sum, { restored }) => sum + restored, 0),
      lasted: clock.now - this.#begun, lines: trace.lines,
    };
  }

  /** The world goes on; what it broke ends it. */
  #run(ms: number): void {
    this.world.runFor(ms);
    this.#end();
  }

  #end(): void {
    if (this.#breaches.length > 0) throw new Broken();
  }

  #breaks(rule: string, what: string): void {
    this.world.trace.said(`BROKEN: ${rule}: ${what}`);
    this.#breaches.push([rule, what]);
  }

  #findAll(found: Iterable<Breach>): void {
    for (const [rule, what] of found) this.#breaks(rule, what);
    this.#end();
  }

  /** All must be as it should within the world's patience. */
  #until(look: () => Generator<Breach>, patience = PATIENCE_MS): void {
    const end = this.world.clock.now + patience;
    for (let pause = FIRST_LOOK_MS; this.world.clock.now < end; pause = Math.min(2 * pause, LONGEST_LOOK_MS)) {
      this.#run(pause);
      if (look().next().done === true) return;
    }
    this.#findAll(look());
  }

  /** What happens by itself, now and then. */
  #worsen(): void {
    const { world } = this;
    const { cuts, crashes, naps, reloads, offline, stalls, archiver_crash, alarm_lost } = this.#faults;
    const rates: [number, () => void][] = [
      [cuts, () => this.#withSocket((end) => world.network.cut(end, this.#chaos.is(0.2) ? 60_000 : 2_000))],
      [stalls, () => this.#withSocket((end) => world.network.stall(end, this.#chaos.skewed(500, 20_000)))],
      [crashes, () => world.network.crash(this.#chaos.of([...world.homes.values()]))],
      [naps, () => {
        const home = this.#chaos.of([...world.homes.values()]);
        if (home.idle) home.sleep();
      }],
      [alarm_lost / 2, () => this.#chaos.of([...world.homes.values()]).loseAlarm()],
      [reloads, () => this.#reload(this.#chaos.of(world.devices))],
      [offline, () => this.#offline(this.#chaos.of(world.devices), this.#chaos.skewed(1_000, 30_000))],
      [archiver_crash, () => world.archive.start()],
    ];
    const total = rates.reduce((sum, [rate]) => sum + rate, 0);
    if (total === 0) return;
    const next = (): void => void world.clock.after(world.nobody, -Math.log(1 - this.#chaos.next()) / total * 1_000, "chaos", () => {
      if (world.faults !== this.#faults) return;
      let at = this.#chaos.next() * total;
      rates.find(([rate]) => (at -= rate) < 0)?.[1]();
      next();
    });
    next();
  }

  /** As where an operator, or a rule of the store, deletes too much. */
  #vanish(): void {
    const { world } = this;
    world.clock.after(world.nobody, -Math.log(1 - this.#widening.next()) / this.#wider.vanishing * 1_000, "vanishing", () => {
      if (world.faults !== this.#faults) return;
      const keys = [...world.archive.bucket.keys()];
      if (keys.length > 0) world.archive.bucket.delete(this.#widening.of(keys));
      this.#vanish();
    });
  }

  #withSocket(act: (end: Parameters<World["network"]["cut"]>[0]) => void): void {
    const device = this.#chaos.of(this.world.devices);
    const end = [...device.sockets].findLast(({ readyState }) => readyState === 1);
    if (end !== undefined) act(end);
  }

  #reload(device: Device): void {
    this.#people.reloaded(device);
    device.reload();
  }

  #offline(device: Device, ms: number): void {
    device.online = false;
    for (const end of device.sockets) if (end.readyState === 1) this.world.network.cut(end, 10_000);
    this.world.clock.after(this.world.nobody, ms, `online ${device.device_id}`, () => {
      device.online = true;
      device.act((client) => client.wake());
    });
  }

  /** The network is well, the platform has its alarms again, and every object is woken once: so it goes in the end. */
  #heal(): void {
    const { world } = this;
    world.faults = healed();
    for (const home of world.homes.values()) home.unstick();
    for (const device of world.devices) {
      device.online = true;
      device.act((client) => client.wake());
    }
    for (const home of world.homes.values()) {
      if (home.life === null || home.storage.alarm === null) world.network.restart(home);
    }
  }

  /** All that is archived comes back; meanwhile people write on, and what they write goes in once it is there again. */
  #loseAndRestore(): void {
    const { world } = this;
    const history = this.#widening.of([...this.#witness.histories.values()].filter(({ head }) => head > 0));
    const { conversation_id } = history;
    this.#until(() => unarchived(world, history));
    const home = world.home("conversation", conversation_id);
    this.#witness.lost(history);
    world.network.crash(home);
    home.vanish();
    this.#act(this.#widening.between(0, 5));
    let report: RestoreReport | null = null;
    world.clock.as(newOwner("operator"), () => void world.archive.restore(conversation_id).then((made) => {
      this.#witness.restored(home, history);
      report = made;
    }, (error: unknown) => this.#breaks("a restore does not fail", String(error))));
    this.#until(function* () {
      if (report === null) yield ["a restore ends", home.label];
    });
    const { lost, head_seq, epoch } = report as unknown as RestoreReport;
    if (lost !== null || epoch !== 1 + history.restored) this.#breaks("a restore brings back all that is archived", `${home.label}: ${JSON.stringify({ lost, head_seq, epoch })}`);
    this.#act(this.#widening.between(0, 10));
    this.#until(() => unsettled(world, this.#witness));
  }

  #act(times: number): void {
    for (let i = 0; i < times; i++) {
      this.#people.act();
      this.#run(this.#widening.skewed(0, this.#cast.pause));
    }
  }

  #lookBack(): void {
    for (const device of this.world.devices) {
      device.act((client) => {
        for (const { conversation_id } of client.conversations()) {
          const conversation = client.conversation(conversation_id);
          if (this.#chance.is(0.7)) conversation?.read();
          const more = (): void => void conversation?.loadOlder(100).then(() => {
            if (conversation.older.kind === "more") more();
          });
          more();
        }
      });
    }
  }

  #archivedRows(conversation_id: string, to: number): number {
    const { rows } = this.world.archive.database.prepare("SELECT count(*) AS rows FROM messages WHERE conversation_id = ? AND seq <= ?").get(conversation_id, to) as { rows: number };
    return rows;
  }
}

function* all(...found: Generator<Breach>[]): Generator<Breach> {
  for (const one of found) yield* one;
}

function castOf(chance: Chance): Cast {
  return {
    users: chance.between(2, 5), devices: chance.between(1, 2), polls: chance.is(0.15) ? 0.5 : 0, coming: chance.is(0.6) ? chance.next() * 0.25 : 0,
    actions: chance.between(10, 60), pause: chance.of([50, 300, 1_500, 4_000]),
  };
}

const LARGE_FROM_THREE = { CONFAB_FANOUT_WRITE_MAX: "2", CONFAB_FANOUT_WRITE_AGAIN: "1" };

function widerOf(seed: number, chance: Chance): Wider {
  if (seed < WIDER) return { modes: false, restores: 0, vanishing: 0 };
  return { modes: seed >= WIDEST, restores: chance.is(0.7) ? chance.between(1, 2) : 0, vanishing: chance.is(0.5) ? chance.next() : 0 };
}

function settingsOf(chance: Chance): Record<string, string> {
  const given: Record<string, number> = {
    rate_limit: 0, rate_burst: 0, seal_events: chance.between(3, 20), seal_after_ms: chance.of([500, 5_000, 60_000]), reseal_after_ms: 60_000,
    hot_events: chance.between(0, 10), hot_days: 0, settle_after_ms: chance.of([100, 1_000, 3_000]), credit_events: chance.is(0.3) ? chance.between(3, 20) : 256,
    deliver_timeout_ms: chance.of([200, 2_000]), receipts_every_ms: chance.of([0, 250]), search_tidy_after_ms: 1_000,
  };
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [`CONFAB_${name.toUpperCase()}`, String(value)]));
}
