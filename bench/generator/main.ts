// A generator process: does what the bench says over IPC, and ends with it. Started by the bench only.
import { setTimeout as sleep } from "node:timers/promises";
import { type Device, type Dialect, forAll } from "../dialects/dialect.ts";
import { userName } from "../workloads.ts";
import { Absence } from "./absence.ts";
import { now } from "./clock.ts";
import type { CommandName, Commands, Counted, FromGenerator, Setup, ToGenerator } from "./commands.ts";
import { type Load, loadOf } from "./load.ts";
import { sendersOf, usersHere } from "./shard.ts";
import { speaker } from "./speaker.ts";
import { NOTHING, Tally } from "./tally.ts";
import { Told } from "./told.ts";

class Generator {
  private readonly setup: Setup;
  private readonly dialect: Dialect;
  private readonly told = new Told();
  private readonly devices = new Map<number, Device>();
  private made: Load | null = null;
  private absence: Absence | null = null;

  constructor(setup: Setup) {
    this.setup = setup;
    this.dialect = speaker(setup.spoken);
  }

  async connect(): Promise<null> {
    const { plan, share } = this.setup;
    if (plan.kind === "reconnect") {
      this.absence = new Absence(this.dialect, this.setup.run, plan.missed);
      return null;
    }
    const users = plan.kind === "idle" ? Array.from({ length: plan.users }, (_, user) => user).filter((user) => user % share.count === share.index) : usersHere(plan, share);
    await forAll(users, async (user) => {
      const device = await this.dialect.connect(userName(user));
      this.devices.set(user, device);
      device.listen(() => undefined, (error) => tell({ type: "failed", id: null, reason: error.message }));
    });
    return null;
  }

  group(): Promise<string> {
    const [creator = "", ...others] = Array.from({ length: this.setup.plan.users }, (_, user) => userName(user));
    return this.dialect.createGroup(creator, others);
  }

  async enter({ conversationId }: Commands["enter"]["takes"]): Promise<null> {
    const { plan, share, run } = this.setup;
    if (plan.kind !== "load") throw new Error("only a load is entered");
    const viewing = [...this.devices].filter(([user]) => plan.viewers === undefined || user < plan.senders + plan.viewers);
    if (conversationId !== null) await forAll(viewing, ([, device]) => this.dialect.enter(device, conversationId, plan.users));
    const load = loadOf({
      run, plan, senders: sendersOf(plan, share, this.devices, conversationId, userName), alike: this.dialect.alike,
      here: (sender, number) => tell({ type: "arrived", sender, number }),
      ...(plan.viewers === undefined ? {} : { sent: (_sender, number, planned) => this.told.sent(number, planned) }),
    });
    this.made = load;
    const bodies = new Set(viewing.map(([, device]) => device));
    this.told.watch([...this.devices.values()].filter((device) => !bodies.has(device)), load.traffic);
    load.traffic.failure.catch((error: unknown) => tell({ type: "failed", id: null, reason: reasonOf(error) }));
    return null;
  }

  async start({ at }: Commands["start"]["takes"]): Promise<null> {
    this.load.start(at);
    return null;
  }

  async count({ from, to }: Commands["count"]["takes"]): Promise<Counted> {
    const { traffic } = this.load;
    const tally = new Tally(from, to);
    traffic.tally = tally;
    await sleep(Math.max(0, from - now()));
    const before = process.cpuUsage();
    await sleep(Math.max(0, to - now()));
    const { user, system } = process.cpuUsage(before);
    traffic.tally = NOTHING;
    return { bytes: tally.bytes, acks: tally.ack.all(), deliveries: tally.delivery.all(), cpu: (user + system) / 1_000 };
  }

  async stop(): Promise<Commands["stop"]["gives"]> {
    this.load.stop();
    return this.load.traffic.own.map(({ index, sent }) => ({ sender: index, sent }));
  }

  async drain({ sent }: Commands["drain"]["takes"]): Promise<number> {
    await this.load.traffic.drained(sent);
    await this.told.settled();
    return this.load.traffic.digest;
  }

  async miss(): Promise<null> {
    await this.away.miss();
    return null;
  }

  catchUp(): Promise<number> {
    return this.away.catchUp();
  }

  async close(): Promise<null> {
    this.made?.traffic.end();
    await Promise.all([...this.devices.values()].map((device) => device.close()));
    return null;
  }

  arrived(sender: number, number: number): void {
    this.made?.traffic.arrivedElsewhere(sender, number);
  }

  private get load(): Load {
    if (this.made === null) throw new Error("nothing is entered");
    return this.made;
  }

  private get away(): Absence {
    if (this.absence === null) throw new Error("nobody is away");
    return this.absence;
  }
}

let generator: Generator | null = null;

function perform(message: Extract<ToGenerator, { type: "command" }>): Promise<Commands[CommandName]["gives"]> {
  if (message.name === "connect") {
    generator = new Generator(message.takes);
    return generator.connect();
  }
  if (generator === null) throw new Error("not connected");
  switch (message.name) {
    case "group": return generator.group();
    case "enter": return generator.enter(message.takes);
    case "start": return generator.start(message.takes);
    case "count": return generator.count(message.takes);
    case "stop": return generator.stop();
    case "drain": return generator.drain(message.takes);
    case "miss": return generator.miss();
    case "catchUp": return generator.catchUp();
    case "close": return generator.close();
  }
}

function tell(message: FromGenerator): void {
  // The bench may be gone already: then nobody wants to know.
  if (process.connected) process.send?.(message, () => undefined);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.on("message", (message: ToGenerator) => {
  if (message.type === "arrived") {
    generator?.arrived(message.sender, message.number);
    return;
  }
  const { id } = message;
  perform(message).then((gives) => tell({ type: "done", id, gives }), (error: unknown) => tell({ type: "failed", id, reason: reasonOf(error) }));
});
process.once("disconnect", () => process.exit(0));
// The bench decides when it ends, also on Ctrl-C.
process.on("SIGINT", () => undefined);
