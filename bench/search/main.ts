// `npm run bench:search`: one conversation of 100,000 messages, most of them archived and pruned, searched over HTTP one search
// after the other. Fails where the slowest kind's p99 is over the goal, or a search does not find what it must.
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { launch, type Launched } from "../launch.ts";
import { cpuOf } from "../processes.ts";
import { type Percentiles, Samples } from "../samples.ts";
import { Texts } from "./texts.ts";

const GOAL_P99_MS = 50;
const BATCH = 200;
/** As deployed, but that bodies leave the object at once outside the newest 1,000. */
const ENV = { CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200" };
const WITHIN_MS = 600_000;
const NOTHING = "(a request without a search)";

interface Page {
  hits: { seq: number }[];
  next_cursor: string | null;
}

type Ask = (query: Record<string, string>) => Promise<Page>;

/** Each makes the query of its nth search. */
const KINDS: Readonly<Record<string, (texts: Texts) => Record<string, string>>> = {
  "a word that most have": (texts) => ({ q: texts.common() }),
  "a word that few have": (texts) => ({ q: texts.rare() }),
  "two words": (texts) => ({ q: `${texts.common()} ${texts.any()}` }),
  "two words, best first": (texts) => ({ q: `${texts.common()} ${texts.any()}`, order: "best" }),
  "a phrase": (texts) => ({ q: `"${texts.common()} ${texts.common()}"` }),
  "what begins so, two letters": (texts) => ({ q: `${texts.any().slice(0, 2)}*` }),
  "of one sender": (texts) => ({ q: texts.any(), sender: "bench-bob" }),
  "two characters": (texts) => ({ q: texts.character() + texts.character() }),
  "one character": (texts) => ({ q: texts.character() }),
  "eight words": (texts) => ({ q: Array.from({ length: 8 }, () => texts.common()).join(" ") }),
};

async function call<T>(url: string, token: string, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(url + path, { method, headers: { Authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function tokenOf(url: string, user_id: string, scope?: "service"): Promise<string> {
  const body = JSON.stringify({ user_id, ...(scope === undefined ? {} : { scope }) });
  return ((await (await fetch(`${url}/dev/token`, { method: "POST", body })).json()) as { token: string }).token;
}

interface Filled {
  conversation_id: string;
  /** From the last append to the last body pruned. */
  archived_ms: number;
  rows: number;
  cpu_ms: number;
}

async function fill(product: Launched, count: number): Promise<Filled> {
  const { url } = product;
  const [ann, bob, operator] = await Promise.all([tokenOf(url, "bench-ann"), tokenOf(url, "bench-bob"), tokenOf(url, "bench-operator", "service")]);
  const texts = new Texts();
  let conversation_id = "";
  const before = cpuOf(product.pids.workerd);
  for (let sent = 0; sent < count; sent += BATCH) {
    const isAnn = (sent / BATCH) % 2 === 0;
    const frames = Array.from({ length: Math.min(BATCH, count - sent) }, (_, i) => ({
      type: "msg", to: isAnn ? "bench-bob" : "bench-ann", client_msg_id: `m${sent + i}`, content: texts.message(sent + i),
    }));
    const answer = await call<{ frames: { type: string; conversation_id: string }[] }>(url, isAnn ? ann : bob, "POST", "/v1/frames", frames);
    if (answer.frames.some(({ type }) => type !== "ack")) throw new Error(`not acknowledged: ${JSON.stringify(answer.frames.find(({ type }) => type !== "ack"))}`);
    conversation_id = (answer.frames[0] as { conversation_id: string }).conversation_id;
  }
  const began = performance.now();
  for (;;) {
    const { head_seq, pruned_seq, rows_written } = await call<{ head_seq: number; pruned_seq: number; rows_written: number }>(url, operator, "GET", `/v1/admin/conversations/${conversation_id}/stats`);
    const { messages_indexed = 0 } = await call<{ messages_indexed?: number }>(url, operator, "GET", "/v1/admin/metrics");
    // The last segment waits for more.
    if (pruned_seq >= head_seq - 1_000 - 256 && messages_indexed >= head_seq - 256) return { conversation_id, archived_ms: performance.now() - began, rows: rows_written / head_seq, cpu_ms: (cpuOf(product.pids.workerd) - before) / head_seq };
    if (performance.now() - began > WITHIN_MS) throw new Error(`after ${WITHIN_MS / 1_000} s ${pruned_seq} of ${head_seq} are pruned, ${messages_indexed} indexed`);
    await new Promise((resolve) => {
      setTimeout(resolve, 250);
    });
  }
}

interface Measured extends Percentiles {
  kind: string;
  hits: number;
  /** Of the runtime, for each search. */
  cpu_ms: number;
}

/** @param nothing asks for something without a search: what the way there and back takes on this machine */
async function measure(product: Launched, ask: Ask, nothing: () => Promise<unknown>, searches: number): Promise<Measured[]> {
  const found: Measured[] = [];
  for (const [kind, queryOf] of [[NOTHING, null] as const, ...Object.entries(KINDS)]) {
    const [texts, samples] = [new Texts(), new Samples()];
    const search = async (): Promise<Page> => {
      if (queryOf !== null) return ask(queryOf(texts));
      await nothing();
      return { hits: [], next_cursor: null };
    };
    // Not counted: the first of a kind brings its pages into memory.
    for (let i = 0; i < 5; i += 1) await search();
    let hits = 0;
    const cpu = cpuOf(product.pids.workerd);
    for (let i = 0; i < searches; i += 1) {
      const began = performance.now();
      const page = await search();
      samples.add(performance.now() - began);
      hits += page.hits.length;
    }
    found.push({ kind, hits: hits / searches, cpu_ms: (cpuOf(product.pids.workerd) - cpu) / searches, ...(samples.percentiles() as Percentiles) });
  }
  return found;
}

/** Every hundredth message by its first words: what is there must be found. */
async function check(ask: Ask, count: number): Promise<number> {
  const texts = new Texts();
  const contents = Array.from({ length: count }, (_, i) => texts.message(i));
  let checked = 0;
  for (let nth = 0; nth < count; nth += Math.ceil(count / 100)) {
    const content = contents[nth] as string;
    const q = nth % 10 === 9 ? content.slice(0, 12) : `"${content.split(" ").slice(0, 6).join(" ")}"`;
    const { hits } = await ask({ q });
    if (!hits.some(({ seq }) => seq === nth + 1)) throw new Error(`message ${nth + 1} is not found by ${q}`);
    checked += 1;
  }
  return checked;
}

function report(filled: Filled, measured: readonly Measured[], count: number): void {
  const ms = (value: number): string => value.toFixed(1).padStart(8);
  console.log(`\n${"searched for".padEnd(30)}${"p50 ms".padStart(8)}${"p99 ms".padStart(8)}${"max ms".padStart(8)}${"CPU ms".padStart(8)}${"hits".padStart(8)}`);
  for (const { kind, p50, p99, max, cpu_ms, hits } of measured) console.log(`${kind.padEnd(30)}${ms(p50)}${ms(p99)}${ms(max)}${ms(cpu_ms)}${ms(hits)}`);
  console.log(`\n${count} messages; ${filled.rows.toFixed(2)} rows and ${filled.cpu_ms.toFixed(2)} ms of the runtime's CPU for each, append, index, archive and pruning together;`);
  console.log(`${(filled.archived_ms / 1_000).toFixed(0)} s from the last of them until all but the newest were indexed, archived and pruned. Load average ${loadavg()[0]?.toFixed(1)}.`);
}

const { values } = parseArgs({ options: { messages: { type: "string", default: "100000" }, searches: { type: "string", default: "200" }, json: { type: "string" } } });
const [count, searches] = [Number(values.messages), Number(values.searches)];
if (!(count >= 2_000 && searches >= 1)) throw new Error("usage: npm run bench:search -- [--messages 100000] [--searches 200] [--json FILE]");
const product = await launch(null, ENV);
let good = false;
try {
  console.log(`${count} messages into one conversation`);
  const filled = await fill(product, count);
  const token = await tokenOf(product.url, "bench-ann");
  const ask: Ask = (query) => call<Page>(product.url, token, "GET", `/v1/conversations/${filled.conversation_id}/search?${new URLSearchParams(query).toString()}`);
  console.log(`${await check(ask, count)} messages looked for, and found`);
  const nothing = (): Promise<unknown> => call(product.url, token, "GET", `/v1/conversations/${filled.conversation_id}`);
  const measured = await measure(product, ask, nothing, searches);
  report(filled, measured, count);
  const slowest = measured.toSorted((a, b) => b.p99 - a.p99)[0] as Measured;
  good = slowest.p99 < GOAL_P99_MS;
  console.log(`goal: p99 under ${GOAL_P99_MS} ms: ${good ? "met" : "missed"}, the slowest is "${slowest.kind}" with ${slowest.p99.toFixed(1)} ms`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ at: new Date().toISOString(), machine: { cores: availableParallelism(), model: cpus()[0]?.model ?? "unknown", load_average: loadavg() }, messages: count, ...filled, measured }, null, 2)}\n`);
  }
} finally {
  await product.stop(false);
}
process.exit(good ? 0 : 1);
