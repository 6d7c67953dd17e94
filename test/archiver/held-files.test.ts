// Files that are archived while a hold is about them, whoever holds or releases meanwhile.
import { expect, test } from "vitest";
import { type HoldFiles, settleFiles } from "../../archiver/held-files.ts";
import type { Held } from "../../archiver/rows.ts";
import type { SegmentEvent } from "../../protocol/segment.ts";
import { conversationId, run, text } from "./segments.ts";

const HERE = conversationId("held files");
const HEAD = { conversation_id: HERE, from_seq: 3, to_seq: 4 };
const KEY = `m/${"0".repeat(64)}`;

function events(...media: (string | undefined)[]): { event: SegmentEvent }[] {
  return run(media.map((media_key) => ({ ...text("x"), ...(media_key === undefined ? {} : { media_key }) })), { conversation: HERE, at: Date.UTC(2026, 10, 20) }).map((event) => ({ event }));
}

/** Each answer of the store about holds, the last one for ever. */
async function settled(given: { event: SegmentEvent }[], ...answers: Partial<Held>[]): Promise<string[]> {
  const calls: string[] = [];
  const holdFiles: HoldFiles = async (hold, held, { from_seq, to_seq }) => void calls.push(`${held ? "hold" : "release"} ${hold.kind} ${from_seq}-${to_seq}`);
  await settleFiles(HEAD, given, { readHeld: async () => ({ conversation: false, users: new Set<string>(), ...(answers.length > 1 ? answers.shift() : answers[0]) }) }, holdFiles);
  return calls;
}

test("[A21] files of a held conversation or sender are held when their messages are archived", async () => {
  expect(await settled(events(undefined, KEY), { conversation: true })).toEqual(["hold conversation 3-4"]);
  expect(await settled(events(KEY, KEY), { users: new Set(["ann"]) })).toEqual(["hold user 3-4"]);
  expect(await settled(events(KEY), { conversation: true, users: new Set(["ann"]) })).toEqual(["hold conversation 3-4", "hold user 3-4"]);
});

test("[A21] without files, or without holds, the edge is not asked", async () => {
  expect(await settled(events(undefined, undefined), { conversation: true })).toEqual([]);
  expect(await settled(events(KEY), {})).toEqual([]);
});

test("[A21] of a hold that was released meanwhile nothing stays", async () => {
  expect(await settled(events(KEY), { conversation: true }, {})).toEqual(["hold conversation 3-4", "release conversation 3-4"]);
});
