// A message outlives its file: history and the download say so, unless a hold keeps it.
import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { eraseSender } from "../../durable-objects/conversation/erase-sender.ts";
import { readHistory } from "../../durable-objects/conversation/history.ts";
import { holdMedia, mayDownload } from "../../durable-objects/conversation/media.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import type { Stay } from "../../domain/membership.ts";
import type { MediaHold } from "../../protocol/media-keeping.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const GROUP = `g.${"3".repeat(32)}`;
const [PHOTO, FILM] = [`m/${"1".repeat(64)}`, `m/${"2".repeat(64)}`];

let store: ConversationStore;
let state: ConversationState;
let sent = 0;

function send(sender_id: string, media_key: string | null, at: number): number {
  sent += 1;
  const item = { client_msg_id: `k${sent}`, device_id: null, content: `message ${sent}`, content_type: media_key === null ? "text" as const : "image" as const, ...(media_key === null ? {} : { media_key, media: { size: 1 } }) };
  appendItems(store, state, { conversation_id: GROUP, sender_id, create: null, alone: false, items: [item] }, NO_CHANGES, at);
  return state.head.seq;
}

beforeEach(() => {
  store = new ConversationStore(nodeSql(new DatabaseSync(":memory:")));
  createGroup(store, { conversation_id: GROUP, creator_id: "ann", title: "t", members: ["bob"], max_members: 9, location_hint: null, jurisdiction: null }, START);
  state = new ConversationState(store, store.readConversation() as ConversationRecord);
});

const member = (user: string): Stay => state.members.get(user) as Stay;
const kept = (day: number) => ({ ms: 365 * DAY, now: START + day * DAY });
const download = (key: string, day: number): string => {
  const answer = mayDownload(store, state, member("bob"), key, kept(day));
  return answer.ok ? "ok" : answer.code;
};
/** Of each message what history says of its file. */
function stubs(day: number): (true | undefined)[] {
  const result = readHistory(store, state, member("bob"), { order: "asc", limit: 50 }, kept(day));
  if (!result.ok) throw new Error(result.code);
  return result.page.events.flatMap((event) => (event.type === "msg" ? [event.media_expired] : []));
}
function hold(by: MediaHold, held: boolean): number[] {
  const { media } = holdMedia(store, { step: "list", hold: by, after: 0, limit: 50 });
  holdMedia(store, { step: "mark", hold: by, held, seqs: media.map(({ seq }) => seq) });
  return media.map(({ seq }) => seq);
}

test("[A21] a message whose file is past its time stays, and says so; what has no file, or is younger, does not", () => {
  send("ann", PHOTO, START + DAY);
  send("bob", null, START + 2 * DAY);
  send("ann", FILM, START + 100 * DAY);
  expect([stubs(365), download(PHOTO, 365)]).toEqual([[undefined, undefined, undefined], "ok"]);
  expect([stubs(367), download(PHOTO, 367), download(FILM, 367)]).toEqual([[true, undefined, undefined], "media_expired", "ok"]);
  expect([stubs(900), download(FILM, 900)]).toEqual([[true, undefined, true], "media_expired"]);
  expect(readHistory(store, state, member("bob"), { order: "asc", limit: 50 }, kept(900))).toMatchObject({ page: { events: [{}, { content: "message 1", media_key: PHOTO, media_expired: true }, {}, {}] } });
});

test("[A21] of a file that is sent again the newest message keeps it, and the older one says that its own is over", () => {
  send("ann", PHOTO, START + DAY);
  send("ann", PHOTO, START + 200 * DAY);
  expect([stubs(400), download(PHOTO, 400)]).toEqual([[true, undefined], "ok"]);
});

test.each([["conversation", GROUP, [2, 3]], ["user", "ann", [2]]] as const)("[A21] held by a %s its file has no end; released it has", (kind, id, seqs) => {
  send("ann", PHOTO, START + DAY);
  send("bob", FILM, START + DAY);
  const by = { kind, id } as MediaHold;
  expect(hold(by, true)).toEqual(seqs);
  const bobs = kind === "conversation" ? undefined : true;
  expect([stubs(900), download(PHOTO, 900), download(FILM, 900)]).toEqual([[undefined, bobs], "ok", kind === "conversation" ? "ok" : "media_expired"]);
  hold(by, false);
  expect([stubs(900), download(PHOTO, 900)]).toEqual([[true, true], "media_expired"]);
});

test("[A21] of two holds on a file the other one goes on", () => {
  send("ann", PHOTO, START + DAY);
  hold({ kind: "conversation", id: GROUP }, true);
  hold({ kind: "user", id: "ann" }, true);
  hold({ kind: "conversation", id: GROUP }, false);
  expect([stubs(900), download(PHOTO, 900)]).toEqual([[undefined], "ok"]);
});

test("[A21] a hold goes through the files part by part, and each part once", () => {
  const seqs = Array.from({ length: 7 }, (_, i) => send(i % 2 === 0 ? "ann" : "bob", PHOTO, START + DAY + i));
  const parts: number[][] = [];
  for (let after: number | null = 0; after !== null;) {
    const part = holdMedia(store, { step: "list", hold: { kind: "conversation", id: GROUP }, after, limit: 3 });
    parts.push(part.media.map(({ seq }) => seq));
    after = part.next;
  }
  expect(parts.flat()).toEqual(seqs);
  expect(parts.map(({ length }) => length)).toEqual([3, 3, 1]);
});

test("[X4] an erased person's files are let go at once, those of others are not", () => {
  send("ann", PHOTO, START + DAY);
  send("bob", FILM, START + DAY);
  eraseSender(store, state, { user_id: "ann", after: 0, dry_run: false }, NO_CHANGES, START + 2 * DAY);
  expect(store.media.readReleases(9)).toMatchObject([{ media_key: PHOTO, sender_id: "ann", at_once: 1 }]);
  expect([download(PHOTO, 3), download(FILM, 3)]).toEqual(["not_found", "ok"]);
});
