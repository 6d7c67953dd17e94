// Every route with whatever may come: never a failure of the server, codes of the table, and to a stranger everything is as absent.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import path from "node:path";
import fc from "fast-check";
import { type ErrorCode, ERRORS } from "../../../protocol/errors.ts";
import { ABSENT, type Scene, World } from "../../authorization/world.ts";
import { newUser, type User } from "../../e2e/api.ts";
import { pathOf, type Plan, requests } from "./requests.ts";

export interface Report {
  requests: number;
  /** Pairs of a stranger's requests, to what is there and to what is not. */
  compared: number;
  statuses: Record<string, number>;
  failures: string[];
}

interface Answer {
  status: number;
  type: string;
  text: string;
}

const CHUNK = 250;
const WIDTH = 6;
const FAILURES_KEPT = 10;
/** What 503 may mean here: everything runs. An acknowledgement of what nobody sealed is one for a conversation that lost something. */
const BUSY: readonly string[] = ["needs_restore", "archive_unavailable"];
/** Whoever has an invitation's token may know that it is one. */
const OPEN_TO_STRANGERS = new Set(["POST /v1/invites/:token"]);
const READ_BYTES = 1024 * 1024;
const agent = new Agent({ keepAlive: true, maxSockets: WIDTH });

export async function askEverything({ seed, count, say }: { seed: number; count: number; say: (line: string) => void }): Promise<Report> {
  const world = await World.start();
  const report: Report = { requests: 0, compared: 0, statuses: {}, failures: [] };
  const runtime = world.product.pids().runtime;
  try {
    // Nobody names them, and they accept no invitation: they stay a stranger whatever the others are asked to do.
    const nobody = await newUser(world.product, "nobody");
    const untouched = await world.scene();
    const before = await world.contents(untouched);
    for (let chunk = 0; report.requests < count && report.failures.length < FAILURES_KEPT; chunk += 1) {
      const scene = await world.scene();
      const plans = fc.sample(requests, { seed: seed + chunk, numRuns: Math.min(CHUNK, count - report.requests) });
      await inTurns(plans, WIDTH, async (plan, i) => {
        const wrong = await oneRequest(world, plan, scene, report) ?? await asStranger(world, plan, scene, nobody, report);
        if (wrong !== null) report.failures.push(`seed ${seed + chunk}, request ${i}: ${wrong}`);
      });
      if (world.product.pids().runtime !== runtime) report.failures.push(`seed ${seed + chunk}: the runtime is another process`);
      if (chunk % 8 === 7) say(`${report.requests} requests, ${report.compared} compared, ${report.failures.length} failures`);
    }
    if (await world.contents(untouched) !== before) report.failures.push("a conversation that nobody named has changed");
    const log = readFileSync(path.join(world.product.dataDir, "logs", "edge.log"), "utf8").split("\n");
    report.failures.push(...log.filter((line) => /"event":"request_failed"|uncaught: /.test(line)).slice(0, FAILURES_KEPT).map((line) => line.slice(0, 600)));
    return report;
  } finally {
    await world.stop();
  }
}

async function oneRequest(world: World, plan: Plan, scene: Scene, report: Report): Promise<string | null> {
  const place = world.place(plan.actor, scene);
  const [target, body] = [pathOf(plan, place), plan.body(plan.given.body?.(place))];
  const answer = await send(world, plan, target, body, world.people[plan.actor].token);
  report.requests += 1;
  report.statuses[answer.status] = (report.statuses[answer.status] ?? 0) + 1;
  const wrong = faultOf(answer, plan.method, target);
  return wrong === null ? null : `${plan.actor} ${plan.method} ${target.slice(0, 300)} with ${shown(body)}: ${wrong}`;
}

/** The same of somebody who may not know, once of what is there and once of what is not. */
async function asStranger(world: World, plan: Plan, scene: Scene, nobody: User, report: Report): Promise<string | null> {
  const place = world.place("stranger", scene);
  const target = pathOf(plan, place);
  if (!target.includes(scene.conversation_id) || OPEN_TO_STRANGERS.has(plan.route) || plan.token !== "own") return null;
  const body = plan.body(plan.given.body?.(place));
  const there = await send(world, plan, target, body, nobody.token);
  const nowhere = await send(world, plan, absent(target, scene), typeof body === "string" ? absent(body, scene) : body, nobody.token);
  report.compared += 1;
  if (there.status === nowhere.status && there.text === nowhere.text) return null;
  return `a stranger learns something: ${plan.method} ${target.slice(0, 300)} with ${shown(body)} is ${there.status} ${there.text.slice(0, 200)}, of nothing ${nowhere.status} ${nowhere.text.slice(0, 200)}`;
}

function absent(text: string, scene: Scene): string {
  const pairs: [string, string][] = [
    [scene.conversation_id, ABSENT.conversation_id], [scene.msg_id, ABSENT.msg_id], [scene.media_key, ABSENT.media_key], [encodeURIComponent(scene.media_key), encodeURIComponent(ABSENT.media_key)],
    [scene.invite.invite_id, ABSENT.invite.invite_id],
  ];
  return pairs.reduce((current, [from, to]) => current.replaceAll(from, to), text);
}

/** null: an answer as they are. */
function faultOf({ status, type, text }: Answer, method: string, target: string): string | null {
  const told = `${status} ${type} ${text.slice(0, 300)}`;
  if (status === 0) return null;
  if (status >= 500 && status !== 503) return told;
  // Files of the page are not the Worker's, and an upgrade that is none the runtime answers by itself.
  if (!/^\/(?:v1\/(?!ws)|api\/|dev\/|internal\/)[^.%]*$/.test(target.split(/[?#]/)[0] ?? "") || method === "HEAD") return status === 503 ? told : null;
  if (status < 400) return text === "" || type.startsWith("application/json") ? null : told;
  let body: { error?: { code?: string; message?: string } };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    return `no JSON: ${told}`;
  }
  const { code = "", message = "" } = body.error ?? {};
  if (!Object.hasOwn(ERRORS, code) || ERRORS[code as ErrorCode].http !== status || !type.startsWith("application/json")) return `not of the table: ${told}`;
  if (status === 503 && !BUSY.includes(code)) return told;
  return message.length > 300 || /valibot|\bat \w+ \(|undefined|\[object/.test(message) ? `a message that says too much: ${told}` : null;
}

/** @param again a connection that was kept open may end at the very moment in which it is used */
function send(world: World, plan: Plan, target: string, body: string | Uint8Array | undefined, token: string, again = true): Promise<Answer> {
  const authorization = { own: token === "" ? [] : [`Bearer ${token}`], none: [], garbage: ["Bearer a.b.c"], doubled: [`Bearer ${token}, Bearer ${token}`] }[plan.token][0];
  return new Promise((resolve, reject) => {
    const sent = request(world.product.url, {
      method: plan.method, path: target.replaceAll(/[^\x21-\xff]/g, (unit) => encodeURIComponent(unit.isWellFormed() ? unit : "\ufffd")), agent,
      headers: { ...plan.headers, ...(authorization === undefined ? {} : { authorization }), ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
    }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", text: Buffer.concat(chunks).toString() }));
    });
    // A body beyond what is read to its end may be answered before, and the connection then ends.
    sent.on("error", (error) => {
      if (body !== undefined && body.length > READ_BYTES) resolve({ status: 0, type: "", text: "" });
      else if (again) resolve(send(world, plan, target, body, token, false));
      else reject(new Error(`${plan.method} ${target.slice(0, 200)} with ${shown(body)}`, { cause: error }));
    });
    sent.end(body);
  });
}

function shown(body: string | Uint8Array | undefined): string {
  return body === undefined ? "no body" : typeof body === "string" ? body.slice(0, 300) : `${body.length} bytes`;
}

async function inTurns<T>(values: readonly T[], width: number, work: (value: T, i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    for (let i = next++; i < values.length; i = next++) await work(values[i] as T, i);
  }));
}
