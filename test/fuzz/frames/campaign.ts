// Mutated frames through sockets of a running product: what is answered is of the protocol, and nobody else's conversation changes.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import type { Encoding } from "../../../protocol/encodings.ts";
import { DownFrame } from "../../../protocol/frames/down.ts";
import { newUser, type User } from "../../e2e/api.ts";
import type { Frame, RawSocket } from "../../e2e/raw-socket.ts";
import type { Product } from "../../product.ts";
import { binaryMessages, jsonMessages, upFrame } from "./messages.ts";

export interface Report {
  messages: number;
  /** Answers by type, errors by code. */
  answers: Record<string, number>;
  closed: Record<string, number>;
  failures: string[];
}

interface Places {
  /** Of the attacker, and of two others. */
  own: string[];
  foreign: string;
  users: string[];
  messages: string[];
}

const NOWHERE = `g.${"0".repeat(32)}`;
const NOTHING = "00000000-0000-7000-8000-000000000000";
/** One socket takes so many, then there is a new one and everybody else is looked after. */
const STEP = 200;
/** Nothing that a client sends is the server's fault; and an archive that is not reached is none here. */
const NEVER = ["internal", "unavailable", "needs_restore"];
/** A token that is refused, a binary message where there may be none, and too little reading. */
const CLOSES = [1003, 4001, 4009];
const FAILURES_KEPT = 10;

export async function throughSockets(product: Product, { seed, messages, say }: { seed: number; messages: number; say: (line: string) => void }): Promise<Report> {
  const [eve, bob, carl, dora] = (await Promise.all(["eve", "bob", "carl", "dora"].map((name) => newUser(product, name)))) as [User, User, User, User];
  const places = await settle(eve, bob, carl, dora);
  const before = JSON.stringify(await carl.history(places.foreign));
  const runtime = product.pids().runtime;
  const report: Report = { messages: 0, answers: {}, closed: {}, failures: [] };
  for (let step = 0; report.messages < messages && report.failures.length < FAILURES_KEPT; step += 1) {
    const encoding = step % 2 === 0 ? "json" : "pb";
    await oneSocket(eve, encoding, places, seed + step, Math.min(STEP, messages - report.messages), report);
    if (JSON.stringify(await carl.history(places.foreign)) !== before) report.failures.push(`seed ${seed + step}: a foreign conversation has changed`);
    await carl.send(await group(carl, dora), "still there?");
    if (product.pids().runtime !== runtime) report.failures.push(`seed ${seed + step}: the runtime is another process`);
    if (step % 20 === 19) say(`${report.messages} messages, ${report.failures.length} failures`);
  }
  report.failures.push(...complaints(product));
  return report;
}

async function settle(eve: User, bob: User, carl: User, dora: User): Promise<Places> {
  const { conversation_id, msg_id } = await eve.send(bob, "hello");
  const secret = await carl.send(dora, "secret");
  const own = await eve.group([bob, carl]);
  const said = await bob.send(own.conversation_id, "in the group");
  return {
    own: [conversation_id, own.conversation_id], foreign: secret.conversation_id, users: [bob.name, carl.name, dora.name, eve.name],
    messages: [msg_id, said.msg_id, secret.msg_id],
  };
}

async function group(owner: User, other: User): Promise<string> {
  return (await owner.group([other])).conversation_id;
}

/** Frames that speak of what there is: most made up ids are nowhere. */
function grounded(places: Places): fc.Arbitrary<object> {
  const conversation = fc.constantFrom(...places.own, ...places.own, places.foreign);
  const message = fc.constantFrom(...places.messages);
  const known: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    conversation_id: conversation, media_from: conversation, to: fc.constantFrom(...places.users), target_msg_id: message, reply_to: message,
  };
  return upFrame.chain((frame) => {
    const fields = Object.fromEntries(Object.keys(known).filter((name) => name in frame).map((name) => [name, known[name] as fc.Arbitrary<unknown>]));
    return fc.tuple(fc.record(fields), fc.nat(4)).map(([real, share]) => (share === 0 ? frame : { ...frame, ...real }));
  });
}

async function oneSocket(eve: User, encoding: Encoding, places: Places, seed: number, count: number, report: Report): Promise<void> {
  const sample: readonly (string | Uint8Array)[] = encoding === "json" ? fc.sample(jsonMessages(grounded(places)), { seed, numRuns: count }) : fc.sample(binaryMessages(grounded(places)), { seed, numRuns: count });
  const open = (): Promise<RawSocket> => eve.socket({ encoding, device_id: "fuzz", receipts: false });
  let socket = await open();
  let seen = 0;
  for (const [i, message] of sample.entries()) {
    report.messages += 1;
    socket.sendBytes(Buffer.from(message as string), { binary: encoding === "pb" });
    const client_msg_id = randomUUID();
    try {
      // Answers come in the order of the frames.
      await socket.ask({ type: "delete", client_msg_id, conversation_id: NOWHERE, target_msg_id: NOTHING });
    } catch (error) {
      const { code } = socket.open ? { code: 0 } : await socket.closed;
      report.closed[code] = (report.closed[code] ?? 0) + 1;
      if (!CLOSES.includes(code)) report.failures.push(`seed ${seed}, message ${i}, ${encoding}: ${error instanceof Error ? error.message.slice(0, 200) : String(error)} ${shown(message)}`);
      socket.cut();
      socket = await open();
      seen = 0;
      continue;
    }
    for (const frame of socket.frames.slice(seen)) {
      const wrong = frame["client_msg_id"] === client_msg_id ? null : faultOf(frame, places, report);
      if (wrong !== null) report.failures.push(`seed ${seed}, message ${i}, ${encoding}: ${wrong} in answer to ${shown(message)}`);
    }
    seen = socket.frames.length;
  }
  socket.cut();
}

function faultOf(frame: Frame, places: Places, report: Report): string | null {
  const name = frame.type === "error" ? `error ${String(frame["code"])}` : frame.type;
  report.answers[name] = (report.answers[name] ?? 0) + 1;
  if (frame.type === "pong") return null;
  if (!v.is(DownFrame, frame)) return `${JSON.stringify(frame).slice(0, 300)} is no frame of the protocol`;
  if (frame.type === "error") return NEVER.includes(frame.code) ? `the error ${frame.code}` : null;
  return JSON.stringify(frame).includes(places.foreign) ? `${frame.type} of a foreign conversation` : null;
}

/** What the product says of itself: no request ended in an exception that was not foreseen. */
function complaints(product: Product): string[] {
  const lines = readFileSync(path.join(product.dataDir, "logs", "edge.log"), "utf8").split("\n");
  return lines.filter((line) => /"event":"request_failed"|uncaught: /.test(line)).slice(0, FAILURES_KEPT).map((line) => line.slice(0, 500));
}

function shown(message: string | Uint8Array): string {
  return (typeof message === "string" ? message : Buffer.from(message).toString("hex")).slice(0, 600);
}
