// `npm run soak`: thousands of sockets for hours, with everything that people do, and at the end what that did to the server.
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { UsageError } from "../options.ts";
import { soakChart } from "./chart.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { soak } from "./run.ts";
import { type Answer, failed, type Run, verdictOf } from "./verdict.ts";

const MARKS = { true: "yes", false: "NO", null: "can't tell" } as const;

function write(options: Options, run: Run, answers: readonly Answer[]): void {
  const { minutes, sockets, rate, out, remote } = options;
  const machine = { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown" };
  const { rounds, findings, samples } = run;
  writeFileSync(path.join(out, "soak.json"), `${JSON.stringify({
    version: 1, at: new Date().toISOString(), node: process.version, machine, url: remote?.url ?? null, minutes, sockets, rate,
    answers, counts: samples.at(-1)?.traffic.counts, findings, rounds,
  }, null, 2)}\n`);
  writeFileSync(path.join(out, "soak.svg"), soakChart(samples, `${sockets} sockets for ${minutes} minutes`));
}

try {
  const options = readOptions(process.argv.slice(2));
  const ending = new AbortController();
  for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
    process.once(name, () => {
      process.exitCode = code;
      ending.abort(new Error(`ended by ${name}`));
    });
  }
  const run = await soak(options, (line) => console.log(line), ending.signal);
  const answers = verdictOf(run);
  write(options, run, answers);
  console.log("");
  for (const { question, holds, says } of answers) console.log(`${MARKS[`${holds}`].padEnd(10)}  ${question}: ${says}`);
  console.log(`\nsamples, figures and chart are in ${options.out}`);
  process.exitCode = failed(answers) ? 1 : 0;
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : `soak: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode ||= 1;
}
