// The shapes of ids, and the names derived from them.
import * as v from "valibot";
import { ID_LENGTH } from "./limits.ts";

const ID = new RegExp(`^[A-Za-z0-9._:@|+-]{1,${ID_LENGTH}}$`);

export const Id = v.pipe(v.string(), v.regex(ID));
export const UserId = Id;
/** How the operator signs what it does in conversations: no user may have this name. */
export const SERVICE_ID = "service";
export const DeviceId = Id;
export const ClientMsgId = Id;

export const JURISDICTIONS = ["eu", "fedramp"] as const;
export const Jurisdiction = v.picklist(JURISDICTIONS);
export type Jurisdiction = v.InferOutput<typeof Jurisdiction>;

/** Cloudflare's location hints: a wish at creation, never a promise. */
export const LocationHint = v.picklist(["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"]);
export type LocationHint = v.InferOutput<typeof LocationHint>;

const DIRECT = /^d\.[0-9a-f]{64}$/;
const MINTED = /^g\.(?:(?:eu|fedramp)\.)?[0-9a-f]{32}$/;

export const ConversationId = v.pipe(
  v.string(),
  v.check((id) => DIRECT.test(id) || MINTED.test(id), "not a conversation id"),
);

export const MsgId = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/));

export function isDirect(conversationId: string): boolean {
  return conversationId.startsWith("d.");
}

/**
 * The bytes whose SHA-256 names the direct conversation of two users: both ids sorted by their bytes, each after its
 * length as four bytes, so that no two pairs share them.
 */
export function directPairBytes(a: string, b: string): Uint8Array {
  const encoder = new TextEncoder();
  const [first, second] = directPair(a, b).map((id) => encoder.encode(id)) as [Uint8Array, Uint8Array];
  const bytes = new Uint8Array(8 + first.length + second.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, first.length);
  bytes.set(first, 4);
  view.setUint32(4 + first.length, second.length);
  bytes.set(second, 8 + first.length);
  return bytes;
}

/** Ids are ASCII, so the order of UTF-16 units is the order of bytes. */
export function directPair(a: string, b: string): [string, string] {
  return a <= b ? [a, b] : [b, a];
}

/** `hex`: 32 hex digits of randomness, or of a hash where the creator gave a `client_msg_id`. */
export function mintGroupId(hex: string, jurisdiction: Jurisdiction | null): string {
  return jurisdiction === null ? `g.${hex}` : `g.${jurisdiction}.${hex}`;
}

/** Where a minted group says that it is kept. */
export function jurisdictionOf(groupId: string): Jurisdiction | null {
  return JURISDICTIONS.find((jurisdiction) => groupId.startsWith(`g.${jurisdiction}.`)) ?? null;
}

/** Where a conversation's or user's object lives. The generation counts restores. */
export interface ObjectPlace {
  name: string;
  jurisdiction: Jurisdiction | null;
}

/** The one derivation of every object's name: from its id, the deployment's jurisdiction and the generation. */
export function objectPlace(kind: "conversation" | "user" | "directory" | "reports" | "blob", id: string, deployment: Jurisdiction | null, generation = 0): ObjectPlace {
  const minted = kind === "conversation" && id.startsWith("g.");
  const own = minted ? jurisdictionOf(id) : deployment;
  return { name: generation === 0 ? id : `${id}#${generation}`, jurisdiction: own };
}
