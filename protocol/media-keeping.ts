// What the archiver and the sweep ask the edge about media: how long they stay, what of the store may go, and what is held.
import * as v from "valibot";
import { ConversationId } from "./ids.ts";
import { ContentKey } from "./media.ts";
import { PersonId } from "./users.ts";

/** Contents of one call of the sweep. */
export const SWEPT_CONTENTS = 100;
/** Contents of one call that holds or releases. */
export const HELD_CONTENTS = 50;
const SWEPT_OBJECTS = 1_000;

const Ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** `media/kept`, answered by the settings in force; ms. */
export const KeptQuery = v.object({});
export const KeptAnswer = v.object({ retention_ms: Ms, grace_ms: Ms, unsent_ms: Ms });
export type MediaKept = v.InferOutput<typeof KeptAnswer>;

/** An object of the store as it was listed: `at` in ms by the store's clock. */
export const ListedContent = v.object({ name: v.pipe(v.string(), v.regex(/^[mh]\/[0-9a-f]{64}(?:\.[1-9]\d{0,14})?$/, "is no content's object")), at: Ms });
export type ListedContent = v.InferOutput<typeof ListedContent>;

/** `media/sweep`: what the store has, by content. `now` in ms by the store's clock. */
export const SweepQuery = v.object({
  contents: v.pipe(
    v.array(v.pipe(
      v.object({ key: ContentKey, objects: v.pipe(v.array(ListedContent), v.minLength(1), v.maxLength(SWEPT_OBJECTS)) }),
      v.check(({ key, objects }) => objects.every(({ name }) => contentOf(name) === key), "names another content's object"),
    )),
    v.maxLength(SWEPT_CONTENTS),
  ),
  now: Ms,
  dry_run: v.boolean(),
});

/** `m/<hex>`, of one of its objects. */
export function contentOf(name: string): string {
  return `m/${name.slice("m/".length, "m/".length + 64)}`;
}

/**
 * What becomes of an object. Stays: `referenced`, `held`; `young`: nobody knows it, or nothing refers to it, and its time is not over.
 * Goes: `expired`, `unreferenced`, `unknown`: no message can lead to it.
 */
export const FATES = ["referenced", "held", "young", "expired", "unreferenced", "unknown"] as const;
export const Fate = v.picklist(FATES);
export type Fate = v.InferOutput<typeof Fate>;
/** `failed`: names of objects about which nobody answered. */
export const SweepAnswer = v.object({ fates: v.array(v.object({ name: v.string(), fate: Fate })), failed: v.array(v.string()) });

/** What keeps contents whatever their time: all of a conversation, or all that a user sent. */
export const MediaHold = v.variant("kind", [v.object({ kind: v.literal("conversation"), id: ConversationId }), v.object({ kind: v.literal("user"), id: PersonId })]);
export type MediaHold = v.InferOutput<typeof MediaHold>;

/** `media/hold`: of a conversation's messages after `after`, those that the hold is about. `next`: null after the last part. */
export const HoldQuery = v.object({ conversation_id: ConversationId, hold: MediaHold, held: v.boolean(), after: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) });
export type HoldQuery = v.InferOutput<typeof HoldQuery>;
/** `contents`: of how many it is so now; `gone`: of how many the store had nothing more to hold. */
export const HoldAnswer = v.object({ contents: Ms, gone: Ms, next: v.nullable(Ms) });
