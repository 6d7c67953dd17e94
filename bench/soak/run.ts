// One soak, from the first socket to the comparison of every history.
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, type Launched } from "../launch.ts";
import { cpuOf, machineCpu } from "../processes.ts";
import { Generators } from "./generators.ts";
import type { Options } from "./options.ts";
import { type Phase, planPhases } from "./phases.ts";
import { roundsOf, type Sample } from "./samples.ts";
import { Server } from "./server.ts";
import type { Run } from "./verdict.ts";

const SAMPLE_MS = { usual: 5_000, least: 1_000, share: 0.02 };
/** Everything that a deployment does in months happens: sealing, archiving, pruning and reading it back. */
const ENV = { CONFAB_SEAL_AFTER_MS: "60000", CONFAB_HOT_EVENTS: "200", CONFAB_HOT_DAYS: "0" };

/** @param say gets a line now and then */
export async function soak(options: Options, say: (line: string) => void, signal: AbortSignal): Promise<Run> {
  const launched = options.remote === null ? await launch(options.bundle, ENV) : null;
  let generators: Generators | null = null;
  let kept = true;
  try {
    const server = launched === null ? null : new Server(launched);
    const begun = performance.now();
    generators = await Generators.start({
      url: options.remote?.url ?? (launched as Launched).url, tokenCommand: options.remote?.tokenCommand ?? null,
      sockets: options.sockets, messagesPerSecond: options.rate,
    });
    say(`${options.sockets} sockets are connected after ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
    const samples = await play(options, generators, server, launched, say, signal);
    say("everything comes to rest, and every history is read");
    const findings = await generators.finish();
    kept = findings.some(({ violations }) => violations.length > 0);
    return { samples, rounds: roundsOf(samples), findings, restarted: server?.restarted ?? false };
  } finally {
    generators?.stop();
    // Whoever looks for what was lost needs the data.
    await launched?.stop(kept && !signal.aborted);
  }
}

async function play(options: Options, generators: Generators, server: Server | null, launched: Launched | null, say: (line: string) => void, signal: AbortSignal): Promise<Sample[]> {
  const total = options.minutes * 60_000;
  const every = Math.min(SAMPLE_MS.usual, Math.max(SAMPLE_MS.least, total * SAMPLE_MS.share));
  const sampler = new Sampler(generators, server, launched, options.out);
  const over = new AbortController();
  // Beside the phases: a look that takes long on a busy server must not make a burst longer.
  const looking = sampler.every(every, AbortSignal.any([over.signal, signal]));
  try {
    for (const phase of planPhases(total)) {
      sampler.phase = phase;
      generators.set(phase.phase);
      await Promise.race([sleep(phase.to_ms - phase.from_ms, null, { signal }), looking]);
      if (phase.phase === "quiet") say(lineOf(await sampler.take()));
    }
  } finally {
    over.abort();
  }
  await looking;
  return sampler.samples;
}

function lineOf({ at_s, round, traffic, server }: Sample): string {
  const { counts } = traffic;
  const seen = server === null ? "" : `, runtime ${server.runtime_rss_mb.toFixed(0)} MB, awake ${JSON.stringify(server.awake)}`;
  return `round ${round}, ${(at_s / 60).toFixed(1)} min: ${counts.acked} of ${counts.sent} acknowledged, ${counts.delivered} delivered, ${counts.connects} connects, ${counts.violations} violations${seen}`;
}

class Sampler {
  phase: Phase | null = null;
  readonly samples: Sample[] = [];
  private readonly generators: Generators;
  private readonly server: Server | null;
  private readonly meter: Meter;
  private readonly file: string;
  private readonly begun = performance.now();
  private last: Promise<unknown> = Promise.resolve();

  constructor(generators: Generators, server: Server | null, launched: Launched | null, out: string) {
    this.generators = generators;
    this.server = server;
    this.meter = new Meter(generators, launched);
    mkdirSync(out, { recursive: true });
    this.file = path.join(out, "samples.ndjson");
    rmSync(this.file, { force: true });
  }

  /** Rejects when a look fails. */
  async every(ms: number, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await sleep(ms, null, { signal: until }).catch(() => undefined);
      if (!until.aborted) await this.take();
    }
  }

  /** After the one that is under way. */
  take(): Promise<Sample> {
    const next = this.last.then(() => this.look());
    this.last = next.catch(() => undefined);
    return next;
  }

  private async look(): Promise<Sample> {
    const { phase, round } = this.phase as Phase;
    const { cores, generator_cpu_ms } = this.meter.read();
    const [traffic, server] = [await this.generators.window(), (await this.server?.sample()) ?? null];
    const sample: Sample = { at_s: (performance.now() - this.begun) / 1_000, phase, round, traffic, server, others_cores: cores, generator_cpu_ms, load_average: loadavg()[0] as number };
    this.samples.push(sample);
    appendFileSync(this.file, `${JSON.stringify(sample)}\n`);
    return sample;
  }
}

/** What the machine, and these processes, have used since the last look. */
class Meter {
  private readonly generators: Generators;
  private readonly launched: Launched | null;
  private last: { at: number; machine: number; own: number; generators: number };

  constructor(generators: Generators, launched: Launched | null) {
    this.generators = generators;
    this.launched = launched;
    this.last = this.look();
  }

  read(): { cores: number; generator_cpu_ms: number } {
    const { last } = this;
    const now = this.look();
    this.last = now;
    const others = now.machine - last.machine - (now.own - last.own);
    return { cores: Math.max(0, others / (now.at - last.at)), generator_cpu_ms: now.generators - last.generators };
  }

  private look(): { at: number; machine: number; own: number; generators: number } {
    const generators = this.generators.cpu;
    const server = this.launched === null ? 0 : this.launched.pids.edge.reduce((sum, pid) => sum + cpuOf(pid), 0) + cpuOf(this.launched.pids.archiver);
    return { at: performance.now(), machine: machineCpu(), own: server + generators + process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000, generators };
  }
}
