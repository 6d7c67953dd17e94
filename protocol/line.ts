// What goes over a line: the WebSocket from a busy conversation to a live member's session, which carries what `deliver` carries
// between settles. One message for a batch, made once for all who get the same; the session hands the events on as they are.
import * as v from "valibot";
import { ConversationId, UserId } from "./ids.ts";
import type { DeliverCall, DeliverReply, EncodedEvents } from "./rpc.ts";

/** Set by the conversation object alone: the Worker makes its own requests to sessions, with nothing of a client's in them. */
export const LINE_HEADER = "confab-line";

/** Without acknowledgement a line takes no more than this. */
export const LINE_BYTES = 512 * 1024;
export const LINE_MESSAGES = 64;

export const LineRequest = v.object({ conversation_id: ConversationId, user_id: UserId, gen: v.number() });
export type LineRequest = v.InferOutput<typeof LineRequest>;

/** What every delivery says of the conversation: once, and again where it has changed. */
export type LineAbout = Pick<DeliverCall, "conversation_id" | "kind" | "title" | "pair" | "epoch" | "mode" | "handle" | "restored">;
/** What a delivery says beside that. */
export type LineDelivery = Pick<DeliverCall, "events" | "own" | "head_seq" | "head_msg_no" | "head_at">;

/** `ask`: the session is to answer now. */
export type LineMessage = { kind: "about"; about: LineAbout } | { kind: "ask" } | { kind: "delivery"; delivery: LineDelivery };

/** The answer of a session: as to `deliver`, and how many deliveries it has taken. */
export type LineAnswer = DeliverReply & { taken: number };

type Part = [from: number, to: number, length: number] | null;
type Head = [head_seq: number, head_msg_no: number, head_at: number, events: Part, own: [device_id: string, events: Part][]];

export function encodeAbout(about: LineAbout): string {
  return `a${JSON.stringify(about)}`;
}

export const ASK = "?";

/** @param binary the events as protobuf, which they must have */
export function encodeDelivery(delivery: LineDelivery, binary: boolean): string | Uint8Array {
  const runs = [delivery.events, ...delivery.own.map(({ events }) => events)];
  const part = (events: EncodedEvents | null): Part => events === null ? null
    : [events.from_seq, events.to_seq, binary ? (events.pb as Uint8Array).byteLength : events.json.length];
  const head: Head = [
    delivery.head_seq, delivery.head_msg_no, delivery.head_at, part(delivery.events), delivery.own.map(({ device_id, events }) => [device_id, part(events)]),
  ];
  const line = `d${JSON.stringify(head)}\n`;
  if (!binary) return line + runs.map((events) => events?.json ?? "").join("");
  const bodies = [new TextEncoder().encode(line), ...runs.map((events) => events?.pb ?? new Uint8Array())];
  const whole = new Uint8Array(bodies.reduce((sum, body) => sum + body.byteLength, 0));
  let at = 0;
  for (const body of bodies) {
    whole.set(body, at);
    at += body.byteLength;
  }
  return whole;
}

/** Throws on what no conversation sends. */
export function decodeLine(message: string | Uint8Array): LineMessage {
  if (message === ASK) return { kind: "ask" };
  const end = typeof message === "string" ? message.indexOf("\n") : message.indexOf(10);
  if (typeof message === "string") {
    if (message.startsWith("a")) return { kind: "about", about: JSON.parse(message.slice(1)) as LineAbout };
    return { kind: "delivery", delivery: delivery(message, message.slice(0, end), (from, to) => ({ json: message.slice(from, to) })) };
  }
  const head = new TextDecoder().decode(message.subarray(0, end));
  return { kind: "delivery", delivery: delivery(message, head, (from, to) => ({ json: "", pb: message.subarray(from, to) })) };
}

function delivery(message: string | Uint8Array, line: string, slice: (from: number, to: number) => Pick<EncodedEvents, "json" | "pb">): LineDelivery {
  if (!line.startsWith("d")) throw new Error("a line carries something unknown");
  const [head_seq, head_msg_no, head_at, events, own] = JSON.parse(line.slice(1)) as Head;
  let at = (typeof message === "string" ? line.length : new TextEncoder().encode(line).byteLength) + 1;
  const take = (part: Part): EncodedEvents | null => {
    if (part === null) return null;
    const [from_seq, to_seq, length] = part;
    const taken = { from_seq, to_seq, ...slice(at, at + length) };
    at += length;
    return taken;
  };
  return { head_seq, head_msg_no, head_at, events: take(events), own: own.map(([device_id, part]) => ({ device_id, events: take(part) })) };
}

const Answer = v.looseObject({ taken: v.number(), gen: v.number(), live: v.boolean() });

/** Throws on what no session sends. */
export function decodeAnswer(text: string): LineAnswer {
  return v.parse(Answer, JSON.parse(text)) as LineAnswer;
}
