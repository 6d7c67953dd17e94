// What a conversation knows of files: the rows that a message with one costs and that others don't, who may have it, and what is
// told when messages go or come back.
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { appendItems } from "../../durable-objects/conversation/append.ts";
import { createGroup } from "../../durable-objects/conversation/create.ts";
import { eraseSender } from "../../durable-objects/conversation/erase-sender.ts";
import { eraseMessage } from "../../durable-objects/conversation/erase.ts";
import { mayDownload, mediaStands, releaseTask } from "../../durable-objects/conversation/media.ts";
import { putMember, removeMember } from "../../durable-objects/conversation/members.ts";
import { Restoring } from "../../durable-objects/conversation/restoring.ts";
import type { ConversationRecord } from "../../durable-objects/conversation/records.ts";
import { ConversationState } from "../../durable-objects/conversation/state.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { readUnsealed } from "../../durable-objects/conversation/unsealed.ts";
import { contentText } from "../../protocol/segment.ts";
import type { AppendAnswer, AppendItem, Early, MsgItem } from "../../protocol/rpc.ts";
import type { MediaReference } from "../../protocol/rpc/media.ts";
import { NO_CHANGES } from "./change-ports.ts";
import { nodeSql } from "./sqlite.ts";
import { CONVERSATION } from "./world.ts";

const KEY = `m/${"a".repeat(64)}`;
const OTHER = `m/${"b".repeat(64)}`;
const DAY = 86_400_000;

class Room {
  now = 1_800_000_000_000;
  store = new ConversationStore(nodeSql(new DatabaseSync(":memory:")));
  state: ConversationState;

  constructor() {
    createGroup(this.store, { conversation_id: CONVERSATION, creator_id: "ann", title: "t", members: ["bob"], max_members: 500, location_hint: null, jurisdiction: null }, this.now);
    this.state = new ConversationState(this.store, this.store.readConversation() as ConversationRecord);
  }

  append(sender_id: string, ...items: AppendItem[]): (AppendAnswer | Early)[] {
    return appendItems(this.store, this.state, { conversation_id: CONVERSATION, sender_id, items, create: null, alone: true }, NO_CHANGES, this.now).answers;
  }

  /** Its msg_id. */
  sent(sender: string, key: string, more: Partial<MsgItem> = {}): string {
    const [answer] = this.append(sender, file(key, more));
    if (answer?.ok !== true) throw new Error(`refused: ${JSON.stringify(answer)}`);
    return answer.ack.msg_id;
  }

  may(user: string, key = KEY, ms = 365 * DAY): string {
    const stay = this.state.members.get(user);
    if (stay === undefined) return "no member";
    const answer = mayDownload(this.store, this.state, stay, key, { ms, now: this.now });
    return answer.ok ? answer.msg_id : answer.code;
  }

  /** What its Blobs are told. */
  async told(): Promise<Record<string, string[]>> {
    const told: Record<string, string[]> = {};
    const task = releaseTask(this.store, this.state, async (key, { references }) => void (told[key] = references.map((reference: MediaReference) => `${reference.sender_id} ${reference.client_msg_id}`)));
    expect(task.dueAt(this.now) === null).toBe(!this.store.media.hasReleases());
    await task.run(this.now);
    expect(task.dueAt(this.now)).toBeNull();
    return told;
  }
}

let made = 0;
function file(media_key: string, more: Partial<MsgItem> = {}): MsgItem {
  made += 1;
  return { client_msg_id: `f${made}`, device_id: null, content: "", content_type: "image", media_key, media: { size: 3 }, ...more };
}

test("[M11] a message without a file writes the rows that it wrote before there were any, and asks nothing of the table of files", () => {
  const room = new Room();
  const asked: string[] = [];
  const { sql } = room.store;
  const spied = new ConversationStore({ ...sql, all: (query, ...given) => (asked.push(query), sql.all(query, ...given)), run: (query, ...given) => (asked.push(query), sql.run(query, ...given)) });
  const append = (item: AppendItem) => {
    asked.length = 0;
    appendItems(spied, room.state, { conversation_id: CONVERSATION, sender_id: "ann", items: [item], create: null, alone: true }, NO_CHANGES, room.now);
    return { writes: asked.filter((query) => query.startsWith("INSERT")).length, media: asked.filter((query) => /\bmedia/.test(query)).length };
  };
  expect(append({ client_msg_id: "t", device_id: null, content: "x", content_type: "text" })).toEqual({ writes: 1, media: 0 });
  expect(append({ client_msg_id: "t", device_id: null, content: "x", content_type: "text" })).toEqual({ writes: 0, media: 0 });
  expect(append(file(KEY))).toEqual({ writes: 2, media: 1 });
});

test("[A5] the ack of a message with a file names it, at once, in one batch and later, whatever is sent under the key", () => {
  const room = new Room();
  const item = file(KEY, { client_msg_id: "k" });
  const answers = [...room.append("ann", item, { ...item, media_key: OTHER }), ...room.append("ann", { ...item, media_key: OTHER }), ...room.append("ann", { client_msg_id: "k", device_id: null, content: "", content_type: "image", refused: { code: "media_not_found" } })];
  expect(answers.map((answer) => answer.ok && [answer.ack.seq, answer.ack.media_key, answer.ack.dup])).toEqual([[2, KEY, undefined], [2, KEY, true], [2, KEY, true], [2, KEY, true]]);
  expect(mediaStands(room.store, { media_key: KEY, references: [{ sender_id: "ann", client_msg_id: "k" }, { sender_id: "bob", client_msg_id: "k" }, { sender_id: "ann", client_msg_id: "other" }] })).toEqual([true, false, false]);
  expect(mediaStands(room.store, { media_key: OTHER, references: [{ sender_id: "ann", client_msg_id: "k" }] })).toEqual([false]);
});

test("[M11] what is refused, and what comes after its claim is over, is not appended", () => {
  const room = new Room();
  const [refused, late, last] = room.append("ann", { client_msg_id: "r", device_id: null, content: "", content_type: "image", refused: { code: "media_mismatch" } }, file(KEY, { claimed_until: room.now - 1 }), file(KEY, { claimed_until: room.now }));
  expect([refused, late]).toEqual([{ ok: false, code: "media_mismatch" }, { ok: false, code: "unavailable", retry_after_ms: 1_000 }]);
  expect(last).toMatchObject({ ok: true, ack: { seq: 2 } });
});

test("[M8] a file is for who sees a message with it, by the newest of these, and as long as that one keeps it", () => {
  const room = new Room();
  const first = room.sent("ann", KEY);
  expect([room.may("ann"), room.may("bob"), room.may("bob", OTHER), room.may("carl")]).toEqual([first, first, "not_found", "no member"]);
  putMember(room.store, room.state, { actor_id: "ann", user_id: "carl", role: "member" }, room.now);
  expect(room.may("carl")).toBe("not_found");
  room.now += 366 * DAY;
  expect(room.may("bob")).toBe("media_expired");
  const second = room.sent("bob", KEY);
  expect([room.may("ann"), room.may("carl"), room.may("carl", KEY, 0)]).toEqual([second, second, second]);
  room.now += 1;
  expect(room.may("carl", KEY, 0)).toBe("media_expired");
});

test("[M8] whoever deletes a message, its file goes with it, and its Blob is told once; an edit changes nothing of it", async () => {
  const room = new Room();
  const by = { sender: room.sent("ann", KEY, { client_msg_id: "1" }), operator: room.sent("ann", KEY, { client_msg_id: "2" }), other: room.sent("bob", OTHER, { client_msg_id: "3" }) };
  room.append("ann", { type: "edit", client_msg_id: "e", device_id: null, target_msg_id: by.sender, content: "a caption" });
  expect([room.may("bob"), await room.told()]).toEqual([by.operator, {}]);
  eraseMessage(room.store, room.state, by.operator, NO_CHANGES, room.now);
  expect([room.may("bob"), await room.told()]).toEqual([by.sender, { [KEY]: ["ann 2"] }]);
  room.append("ann", { type: "delete", client_msg_id: "d", device_id: null, target_msg_id: by.sender });
  room.append("ann", { type: "delete", client_msg_id: "d2", device_id: null, target_msg_id: by.other });
  expect([room.may("bob"), room.may("bob", OTHER), await room.told(), await room.told()]).toEqual(["not_found", "not_found", { [KEY]: ["ann 1"], [OTHER]: ["bob 3"] }, {}]);
  // The key still stands for the message that is gone.
  expect(room.append("ann", file(OTHER, { client_msg_id: "1" }))).toMatchObject([{ ok: true, ack: { seq: 2, dup: true } }]);
});

test("[M8] erasing a person lets go of all of their files, and of nobody else's", async () => {
  const room = new Room();
  room.sent("ann", KEY, { client_msg_id: "1" });
  room.sent("ann", OTHER, { client_msg_id: "2" });
  const bobs = room.sent("bob", KEY, { client_msg_id: "1" });
  eraseSender(room.store, room.state, { user_id: "ann", after: 0, dry_run: false }, NO_CHANGES, room.now);
  expect([room.may("bob"), room.may("bob", OTHER), await room.told()]).toEqual([bobs, "not_found", { [KEY]: ["ann 1"], [OTHER]: ["ann 2"] }]);
});

test("[M11] a Blob that does not answer is told again, and holds up no other", async () => {
  const room = new Room();
  const ids = [room.sent("ann", KEY), room.sent("ann", OTHER)];
  for (const id of ids) eraseMessage(room.store, room.state, id, NO_CHANGES, room.now);
  const told: string[] = [];
  let down = true;
  const task = releaseTask(room.store, room.state, async (key) => {
    if (down && key === KEY) throw new Error("no answer");
    told.push(key);
  });
  await expect(task.run(room.now)).rejects.toThrow("no answer");
  expect([told, task.dueAt(room.now)]).toEqual([[OTHER], room.now]);
  down = false;
  await task.run(room.now);
  expect([told, task.dueAt(room.now)]).toEqual([[OTHER, KEY], null]);
});

test("[M11] a restored conversation knows the files of its messages, and their Blobs are told of each", async () => {
  const room = new Room();
  const kept = room.sent("ann", KEY, { client_msg_id: "1" });
  const gone = room.sent("ann", OTHER, { client_msg_id: "2" });
  room.append("ann", { type: "delete", client_msg_id: "d", device_id: null, target_msg_id: gone });
  removeMember(room.store, room.state, { actor_id: "ann", user_id: "bob" }, room.now);
  const events = readUnsealed(room.store, room.state, 1).map((event) => ({
    seq: event.seq, msg_id: event.msg_id, type: event.type, sender_id: event.sender_id, client_msg_id: event.client_msg_id ?? null, msg_no: "msg_no" in event ? event.msg_no : null,
    body: contentText(event), salt: event.salt, content_hash: event.content_hash,
  }));
  const restored = new Room();
  const restoring = new Restoring(restored.store);
  restoring.begin(CONVERSATION, { epoch: 2, head_seq: events.length }, 0, restored.now);
  restoring.add(restoring.read() as NonNullable<ReturnType<Restoring["read"]>>, events);
  expect(mediaStands(restored.store, { media_key: KEY, references: [{ sender_id: "ann", client_msg_id: "1" }] })).toEqual([true]);
  expect([restored.store.readMsgId(2), restored.store.media.readKey(2), restored.store.media.readKey(3)]).toEqual([kept, KEY, null]);
  expect(await restored.told()).toEqual({ [KEY]: ["ann 1"] });
  const erased = events[2] as (typeof events)[number];
  expect(() => restoring.add({ ...(restoring.read() as NonNullable<ReturnType<Restoring["read"]>>), head_seq: 99 }, [{ ...erased, seq: events.length + 1, msg_id: "ffffffff-ffff-7fff-bfff-ffffffffffff", body: `{"content":"","content_type":"image","media_key":"${KEY}"}` }])).toThrow(/erased, and has a file/);
});
