// Hostile connections by the thousand against a running product, and after each batch the question whether it still is one.
import { randomUUID } from "node:crypto";
import { rssOf } from "../../../bench/processes.ts";
import { type Random, seeded } from "../../../verify/random.ts";
import { newUser, type User } from "../../e2e/api.ts";
import type { RawSocket } from "../../e2e/raw-socket.ts";
import type { Product } from "../../product.ts";
import { RawConnection } from "./connection.ts";
import { closeFrame, text } from "./frame.ts";
import { BAD_UPGRADES, upgradeRequest } from "./handshake.ts";
import { ALL_KINDS, HEAVY, type Kind, script, type Script } from "./scripts.ts";

export interface Plan {
  seed: number;
  /** At least so many frames are sent. */
  frames: number;
  /** Connections of one batch; after each the product is looked at. */
  batch: number;
  /** Good connections that come and go before, to see what the runtime keeps of each; 0: none, where there are few of the others. */
  control: number;
  say: (line: string) => void;
}

export interface Report {
  seed: number;
  frames: number;
  connections: number;
  upgrades: number;
  batches: number;
  /** What each kind came to, e.g. `closed 1002`. */
  ends: Record<string, Record<string, number>>;
  /** Frames that came after the server's close. */
  late: number;
  /** Of the runtime: after the first batch, and at the end when it had come to rest. */
  rss_mb: { first: number; last: number };
  /** KB that the runtime keeps of a good connection that has come and gone. */
  kept_kb: number;
  failures: string[];
}

const WIDTH = 8;
const USERS = 24;
/** One batch in so many has the kinds that cost tens of megabytes. */
const HEAVY_EVERY = 20;
const ANSWER_MS = 15_000;
/** A part of a frame is held for this long before its sender goes: others must not wait for it. */
const STALL_MS = 20;
export const GROWTH_MB = 50;
const REST_MS = 60_000;
const FAILURES_KEPT = 20;
/** Methods that HTTP does not know are 501. */
const GRANTED_OR_REFUSED = (status: number): boolean => status === 101 || (status >= 400 && status < 500) || status === 501;

export async function attack(product: Product, { seed, frames, batch, control, say }: Plan): Promise<Report> {
  const users = await Promise.all(Array.from({ length: USERS }, () => newUser(product, "fuzz")));
  const healthy = await Healthy.begin(product);
  const report: Report = { seed, frames: 0, connections: 0, upgrades: 0, batches: 0, ends: {}, late: 0, rss_mb: { first: 0, last: 0 }, kept_kb: 0, failures: [] };
  const runtime = product.pids().runtime as number;
  report.kept_kb = await keptOf(product, users, control, runtime);
  const kinds = ALL_KINDS.filter((kind) => !HEAVY.has(kind));
  while (report.frames < frames && report.failures.length < FAILURES_KEPT) {
    const numbers = Array.from({ length: batch }, (_, i) => report.connections + i);
    const heavy = report.batches % HEAVY_EVERY === 0 ? [...HEAVY] : [];
    const chosen = [...heavy, ...numbers.slice(heavy.length).map((number) => kinds[number % kinds.length] as Kind)];
    await inTurns(numbers, WIDTH, (number, i) => connection(product, users[number % USERS] as User, chosen[i] as Kind, seeded(seed).branch(String(number)), number, report));
    await upgrades(product, users[0] as User, seeded(seed).branch(`upgrades ${report.batches}`), report);
    report.batches += 1;
    await healthy.look(report);
    if (product.pids().runtime !== runtime) report.failures.push(`batch ${report.batches}: the runtime is another process`);
    if (report.batches === 1) report.rss_mb.first = rssOf(runtime);
    if (report.batches % HEAVY_EVERY === 0) say(`${report.frames} frames on ${report.connections} connections, ${report.upgrades} upgrades, runtime ${rssOf(runtime).toFixed(0)} MB, ${report.failures.length} failures`);
  }
  // What good ones leave behind as well is the runtime's own, and not what was done to it.
  const allowed = report.rss_mb.first + GROWTH_MB + (report.kept_kb * report.connections) / 1_024;
  report.rss_mb.last = await settled(runtime, allowed);
  if (report.rss_mb.last > allowed) report.failures.push(`the runtime grew from ${report.rss_mb.first.toFixed(0)} to ${report.rss_mb.last.toFixed(0)} MB`);
  healthy.end();
  return report;
}

/** The first half of them is for caches to fill. */
async function keptOf(product: Product, users: readonly User[], count: number, pid: number): Promise<number> {
  if (count === 0) return 0;
  const comeAndGo = (): Promise<void> => inTurns(Array.from({ length: count / 2 }, (_, i) => users[i % USERS] as User), WIDTH, async ({ token }) => {
    const raw = await RawConnection.open(product.ports[0] as number);
    await raw.upgrade(upgradeRequest({ token }));
    raw.destroy();
  });
  await comeAndGo();
  const before = rssOf(pid);
  await comeAndGo();
  return Math.max(0, ((rssOf(pid) - before) * 1_024) / (count / 2));
}

/** What a runtime has given back within a minute is no growth. */
async function settled(pid: number, allowed: number): Promise<number> {
  const deadline = performance.now() + REST_MS;
  let rss = rssOf(pid);
  while (rss > allowed && performance.now() < deadline) {
    await pause(500);
    rss = rssOf(pid);
  }
  return rss;
}

async function connection(product: Product, user: User, kind: Kind, random: Random, number: number, report: Report): Promise<void> {
  const made = script(kind, random);
  const raw = await RawConnection.open(product.ports[0] as number);
  report.connections += 1;
  try {
    const status = await raw.upgrade(upgradeRequest({ token: user.token, deflate: made.deflate }));
    if (status !== 101) {
      report.failures.push(`${kind} ${number}: the upgrade was answered ${status}`);
      return;
    }
    report.frames += made.frames;
    for (const piece of made.pieces) raw.write(piece);
    const end = await outcome(raw, made, number);
    const ends = (report.ends[kind] ??= {});
    ends[end] = (ends[end] ?? 0) + 1;
    report.late += raw.outcome.late;
    const wrong = raw.outcome.wrong ?? unexpected(made, end);
    if (wrong !== null) report.failures.push(`${kind} ${number} of seed ${report.seed}: ${wrong}; last ${raw.outcome.messages.at(-1)?.slice(0, 200) ?? "nothing"}`);
  } finally {
    raw.destroy();
  }
}

/** `answers`, `closed CODE`, `ended` or `silent`; and then it is left. */
async function outcome(raw: RawConnection, { expects, leave }: Script, number: number): Promise<string> {
  const key = `probe-${number}`;
  const answered = (): boolean => raw.outcome.messages.some((message) => message.includes(key));
  if (expects.end === "waits") {
    await raw.until(() => raw.outcome.close !== null, STALL_MS);
    return end(raw, "silent");
  }
  raw.write(text(`{"type":"shout","client_msg_id":"${key}"}`));
  await raw.until(() => raw.outcome.close !== null || (expects.end !== "closed" && answered()), ANSWER_MS);
  if (raw.outcome.close !== null || !answered()) return end(raw, "silent");
  if (leave === "close") {
    raw.write(closeFrame(1000));
    await raw.until(() => raw.outcome.close !== null, ANSWER_MS);
    return raw.outcome.close === 1000 ? "answers" : end(raw, "does not close");
  }
  if (leave === "half") raw.half();
  return "answers";
}

function end({ outcome: { close, ended } }: RawConnection, otherwise: string): string {
  if (close !== null) return `closed ${close}`;
  return ended ? "ended" : otherwise;
}

/** null: it is as it may be. */
function unexpected({ expects }: Script, end: string): string | null {
  const codes = "codes" in expects ? expects.codes.map((code) => `closed ${code}`) : [];
  const allowed = { usable: ["answers"], closed: codes, lenient: ["answers", ...codes], waits: ["silent", "ended", ...codes] }[expects.end];
  return allowed.includes(end) ? null : `${end}, and not ${allowed.join(" or ")}`;
}

async function upgrades(product: Product, user: User, random: Random, report: Report): Promise<void> {
  await inTurns(BAD_UPGRADES, WIDTH, async ([name, change]) => {
    const raw = await RawConnection.open(product.ports[0] as number);
    report.upgrades += 1;
    raw.write(change(upgradeRequest({ token: user.token }), random));
    // What is cut gets no answer before the rest of it.
    await raw.until(() => raw.outcome.status !== 0, name === "cut" || name === "a byte changed" ? STALL_MS : ANSWER_MS);
    const { status, ended } = raw.outcome;
    raw.destroy();
    const ends = (report.ends["upgrade"] ??= {});
    ends[`${status}`] = (ends[`${status}`] ?? 0) + 1;
    if (status === 0 ? ended || name === "cut" || name === "a byte changed" : GRANTED_OR_REFUSED(status)) return;
    report.failures.push(`an upgrade with ${name} was answered ${status}`);
  });
}

/** Two people who chat while everybody else attacks. */
class Healthy {
  private readonly ann: RawSocket;
  private readonly bob: RawSocket;
  private readonly to: string;

  static async begin(product: Product): Promise<Healthy> {
    const [ann, bob] = await Promise.all([newUser(product, "ann"), newUser(product, "bob")]);
    return new Healthy(await ann.socket({ receipts: true }), await bob.socket({ receipts: true }), bob.name);
  }

  private constructor(ann: RawSocket, bob: RawSocket, to: string) {
    this.ann = ann;
    this.bob = bob;
    this.to = to;
  }

  /** Sends, and gets. */
  async look(report: Report): Promise<void> {
    const key = randomUUID();
    try {
      const ack = await this.ann.ask({ type: "msg", to: this.to, content: "still there?", client_msg_id: key });
      if (ack.type !== "ack") throw new Error(JSON.stringify(ack));
      await this.bob.take({ type: "msg", client_msg_id: key });
    } catch (error) {
      report.failures.push(`batch ${report.batches}: whoever is healthy was not served: ${String(error)}`);
    }
  }

  end(): void {
    this.ann.cut();
    this.bob.cut();
  }
}

async function inTurns<T>(values: readonly T[], width: number, work: (value: T, i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    for (let i = next++; i < values.length; i = next++) await work(values[i] as T, i);
  }));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
