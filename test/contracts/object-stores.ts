// What the objects' stores promise on every SQLite that they run on: an object's own storage, and node:sqlite.
import { expect, test } from "vitest";
import type { NewEvent } from "../../durable-objects/conversation/records.ts";
import { ConversationStore } from "../../durable-objects/conversation/store.ts";
import { migrate, schemaVersion } from "../../durable-objects/platform/migrate.ts";
import type { Sql } from "../../durable-objects/platform/sql.ts";
import { BlobStore, type ContentRecord } from "../../durable-objects/blob/store.ts";
import { MediaStore } from "../../durable-objects/conversation/store/media.ts";
import { AttachedStore } from "../../durable-objects/conversation/store/attached.ts";
import { type InboxRecord, SessionStore } from "../../durable-objects/session/store.ts";
import { UploadStore } from "../../durable-objects/session/store/uploads.ts";
import { UserStore } from "../../durable-objects/session/store/users.ts";
import { SESSION_MIGRATIONS } from "../../migrations/session.ts";
import { msgIdAt } from "../../protocol/msg-id.ts";
import { EMPTY_PROFILE } from "../../protocol/users.ts";

/** Runs a test on an empty storage. */
export type OnSql = (use: (sql: Sql) => void) => Promise<void>;

const COUNTERS = { rows_written: 1, deliveries: 2, delivery_calls: 3, wakes: 4 };

function event(seq: number, more: Partial<NewEvent> = {}): NewEvent {
  return {
    seq, msg_no: seq, msg_id: msgIdAt(1_800_000_000_000_000 + seq, new Uint8Array(8)), type: "msg", sender_id: "ann", client_msg_id: `k${seq}`,
    device_id: null, content_type: "text", body: JSON.stringify({ content: `c${seq}`, content_type: "text" }), salt: new Uint8Array(16).fill(seq % 256), ...more,
  };
}

function created(sql: Sql, events: number): ConversationStore {
  const store = new ConversationStore(sql);
  store.commitCreation({
    conversation_id: "g.x", kind: "group", title: "t", epoch: 1, max_members: 5, location_hint: "weur", jurisdiction: null, encryption: "none", cursor_key: new Uint8Array([1, 2, 3]), history: "joined", mode: "write",
  }, [{ user_id: "ann", role: "owner", joined_seq: 1, left_seq: null }], Array.from({ length: events }, (_, i) => event(i + 1)));
  return store;
}

export function objectStores(onSql: OnSql): void {
  test("[stores] a conversation comes back as it was created, bytes included", () => onSql((sql) => {
    expect(new ConversationStore(sql).exists()).toBe(false);
    const store = created(sql, 2);
    expect(store.exists()).toBe(true);
    expect(store.readConversation()).toMatchObject({ conversation_id: "g.x", kind: "group", title: "t", epoch: 1, location_hint: "weur", jurisdiction: null, history: "joined", mode: "write" });
    expect([...(store.readConversation()?.cursor_key ?? [])]).toEqual([1, 2, 3]);
    expect(store.readHead()).toEqual({ ...event(2), target_seq: null, content_hash: null });
    const first = { seq: 1, msg_id: event(1).msg_id };
    expect(store.readKeys("ann", ["k1"])).toEqual(new Map([["k1", first]]));
    expect(store.readKeys("ann", ["k9", "k1", "k2"])).toEqual(new Map([["k1", first], ["k2", { seq: 2, msg_id: event(2).msg_id }]]));
    expect(store.readKeys("bob", ["k1"]).size).toBe(0);
  }));

  test("[A5] the same key of the same sender can't be committed twice, and a batch goes in whole or not at all", () => onSql((sql) => {
    const store = created(sql, 2);
    expect(() => store.commitEvents([event(3), event(4, { client_msg_id: "k1" })])).toThrow();
    expect(store.readHead()?.seq).toBe(2);
    store.commitEvents([event(3, { client_msg_id: null }), event(4, { client_msg_id: null })]);
    expect(store.readRange(1, 9, 10, "desc").map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
  }));

  test("[E8] content of any Unicode text comes back byte for byte", () => onSql((sql) => {
    const store = created(sql, 0);
    const texts = ["\u0000 nul \u0001", "🙂‍↔️ é e\u0301", "\u202Ertl", "a\r\n\tb", "\uFFFD", "'; DROP TABLE events; --", "x".repeat(70_000)];
    store.commitEvents(texts.map((content, i) => event(i + 1, { body: JSON.stringify({ content, content_type: "text" }) })));
    expect(store.readRange(1, 99, 99, "asc").map(({ body }) => (JSON.parse(body as string) as { content: string }).content)).toEqual(texts);
  }));

  test("[stores] stays: joining, leaving and coming back", () => onSql((sql) => {
    const store = created(sql, 1);
    store.commitMembers([{ change: { kind: "add", user_id: "bob", role: "member" }, event: event(2) }]);
    store.commitMembers([{ change: { kind: "remove", user_id: "bob", role: "member" }, event: event(3) }]);
    expect(store.readMembers().map(({ user_id }) => user_id)).toEqual(["ann"]);
    expect(store.readDeparted(2)).toEqual([{ user_id: "bob", role: "member", joined_seq: 2, left_seq: 3 }]);
    expect(store.readDeparted(3)).toEqual([]);
    store.commitMembers([{ change: { kind: "add", user_id: "bob", role: "member" }, event: event(4) }]);
    store.commitMembers([{ change: { kind: "role", user_id: "bob", role: "admin" }, event: event(5) }]);
    expect(store.readStay("bob")).toEqual({ user_id: "bob", role: "admin", joined_seq: 4, left_seq: null });
  }));

  test("[stores] who is attached comes back, until they are gone", () => onSql((sql) => {
    const store = new AttachedStore(created(sql, 1).sql);
    const row = (user_id: string, gen: number, viewing: boolean) => ({ user_id, gen, viewing, until: gen * 10 });
    store.commit([row("ann", 1, true), row("bob", 2, false)], []);
    store.commit([row("ann", 3, false), row("cat", 1, true)], ["bob", "nobody"]);
    expect(store.read()).toEqual([row("ann", 3, false), row("cat", 1, true)]);
  }));

  test("[stores] a settle keeps the oldest debt of who lags, and forgets who caught up", () => onSql((sql) => {
    const store = created(sql, 3);
    const owing = (user_id: string, owed_from: number, attempts: number) => ({ user_id, owed_from, due_at: attempts * 10, attempts });
    store.commitSettled({ fanout_seq: 2, told_seq: 2 }, COUNTERS, [owing("bob", 1, 1), owing("cat", 1, 1)], []);
    store.commitSettled({ fanout_seq: 3, told_seq: 3 }, COUNTERS, [owing("bob", 3, 2)], ["cat"]);
    expect(store.readLagging()).toEqual([owing("bob", 1, 2)]);
    expect(store.readWatermarks()).toEqual({ fanout_seq: 3, told_seq: 3, mode_seq: 0, archived_seq: 0, pruned_seq: 0, counters: COUNTERS });
  }));

  test("[stores] segments go once archived_seq covers them; pruning keeps all but the body", () => onSql((sql) => {
    const store = created(sql, 4);
    for (const [from_seq, to_seq] of [[1, 2], [3, 4]] as const) store.commitSegmentPlan({ from_seq, to_seq, sha256: "h" });
    store.commitSegmentPut(1, 7);
    store.commitSegmentAcked(3);
    expect(store.readSegments().map(({ put, acked }) => [put, acked])).toEqual([[true, false], [true, true]]);
    store.commitArchived(2, COUNTERS);
    expect(store.readSegments().map(({ from_seq }) => from_seq)).toEqual([3]);
    store.commitPruned(1, [{ seq: 1, content_hash: new Uint8Array(32).fill(9) }]);
    const { body, salt, content_hash, ...kept } = store.readEvent(1) as NonNullable<ReturnType<ConversationStore["readEvent"]>>;
    expect([body, salt, content_hash?.length]).toEqual([null, null, 32]);
    expect(kept).toMatchObject({ seq: 1, sender_id: "ann", client_msg_id: "k1", type: "msg", content_type: "text", msg_id: event(1).msg_id });
    expect(store.readSizes(2, 10)).toEqual([2, 3, 4].map((seq) => event(seq).body.length));
    expect(store.readNewestSent(1, 3)).toEqual(new Map([["ann", { seq: 3, msg_no: 3 }]]));
  }));

  test("[stores] an inbox lists the last active first, pages, and says what changed since", () => onSql((sql) => {
    const store = new SessionStore(sql);
    expect(store.exists()).toBe(false);
    store.commitRegistered("ann", 1);
    store.commitRegistered("ann", 2);
    store.commitGen(3);
    expect(store.readSession()).toEqual({ user_id: "ann", gen: 3 });
    const row = (id: string, last_at: number, user_seq: number, left_at: number | null = null, more: Partial<InboxRecord> = {}): InboxRecord => ({
      conversation_id: id, kind: "direct" as const, title: null, peer_id: "bob", epoch: 1, settled_seq: 1, settled_at: last_at, head_msg_no: 1,
      read_seq: 0, read_msg_no: 0, last_at, left_at, user_seq,
      last_message: null, mentions: [], muted: false, archived: false, mode: "write" as const, ...more,
    });
    for (const one of [row("a", 10, 1), row("b", 30, 2), row("c", 30, 3), row("d", 20, 4), row("e", 40, 5, 99)]) store.commitInbox(one);
    expect(store.readInboxPage(null, 3).map(({ conversation_id }) => conversation_id)).toEqual(["c", "b", "d"]);
    expect(store.readInboxPage({ last_at: 30, conversation_id: "b" }, 9).map(({ conversation_id }) => conversation_id)).toEqual(["d", "a"]);
    expect(store.readInboxSince(3, 9).map(({ conversation_id }) => conversation_id)).toEqual(["d", "e"]);
    expect([store.readUserSeq(), store.readSettledAfter(20).length]).toEqual([5, 3]);
    store.commitInbox(row("a", 50, 6));
    expect(store.readInboxPage(null, 1)[0]?.conversation_id).toBe("a");
  }));

  test("[stores] uploads wait until they are gone, each with its parts, and those of a time and before go together", () => onSql((sql) => {
    const session = new SessionStore(sql);
    session.commitRegistered("ann", 1);
    const store = new UploadStore(sql);
    const upload = (at: number) => ({ key: `up/ann/${at}`, kind: "video" as const, content_type: "video/mp4", size: 2 ** 31, sha256: "f".repeat(64), upload_id: null, created_at: at });
    expect(store.readWaiting()).toEqual({ count: 0, oldest: null });
    for (const at of [30, 10, 20]) {
      store.commit(upload(at));
      store.commitUploadId(upload(at).key, `id ${at}`);
      store.commitEtags(upload(at).key, [{ part: 2, etag: "b" }, { part: 1, etag: "a" }, { part: 2, etag: "c" }]);
    }
    expect(store.readWaiting()).toEqual({ count: 3, oldest: 10 });
    expect(store.read("up/ann/20")).toEqual({ ...upload(20), upload_id: "id 20" });
    expect(store.readEtags("up/ann/20")).toEqual([{ part: 1, etag: "a" }, { part: 2, etag: "c" }]);
    store.commitExpired(20);
    expect([store.readWaiting(), store.read("up/ann/20"), store.readEtags("up/ann/20")]).toEqual([{ count: 1, oldest: 30 }, null, []]);
    expect(store.readEtags("up/ann/30")).toHaveLength(2);
    store.commitGone("up/ann/30");
    expect([store.readWaiting(), store.readEtags("up/ann/30")]).toEqual([{ count: 0, oldest: null }, []]);
  }));

  test("[stores] a content comes back with its references, which are asked about in the order of their times, and its removals", () => onSql((sql) => {
    const store = new BlobStore(sql);
    expect(store.exists()).toBe(false);
    store.migrate();
    const content: ContentRecord = { key: "m/1", content_type: "image/png", size: 2 ** 31, generation: 0, next_generation: 1, state: "noted", changed_at: 5, idle_since: null };
    expect([store.readContent(), store.hasReferences(), store.readAskAt(), store.readRemovals()]).toEqual([null, false, null, []]);
    store.commitContent(content);
    store.commitContent({ ...content, generation: 3, next_generation: 4, state: "copied", idle_since: 9 });
    expect(store.readContent()).toEqual({ ...content, generation: 3, next_generation: 4, state: "copied", idle_since: 9 });
    const reference = (client_msg_id: string, ask_at: number | null) => ({ conversation_id: "g.x", sender_id: "ann", client_msg_id, claim: 1, claimed_at: 1, ask_at });
    for (const one of [reference("a", 30), reference("b", 10), reference("c", null), reference("d", 20)]) store.commitReference(one);
    expect(store.readToAsk(20, 9).map(({ client_msg_id }) => client_msg_id)).toEqual(["b", "d"]);
    expect([store.readToAsk(99, 1).length, store.readAskAt(), store.readReference(reference("c", 0))]).toEqual([1, 10, reference("c", null)]);
    store.commitReference({ ...reference("b", null), claim: 2 });
    expect([store.readAskAt(), store.readReference(reference("b", 0))?.claim, store.readReference({ ...reference("b", 0), sender_id: "bob" })]).toEqual([20, 2, null]);
    for (const one of ["a", "b", "c", "d"]) store.commitGone(reference(one, null));
    expect([store.hasReferences(), store.readAskAt()]).toEqual([false, null]);
    store.commitRemoval("m/1.2", 7);
    store.commitRemoval("m/1", 3);
    store.commitRemoval("m/1.2", 1);
    expect(store.readRemovals()).toEqual([{ object: "m/1.2", due_at: 1 }, { object: "m/1", due_at: 3 }]);
    store.commitNoRemoval("m/1.2");
    expect(store.readRemovals()).toEqual([{ object: "m/1", due_at: 3 }]);
  }));

  test("[stores] a message's file is found by message and by key, and letting go of it is told until it was heard", () => onSql((sql) => {
    const store = created(sql, 1);
    store.commitEvents([event(2, { media_key: "m/1" }), event(3), event(4, { media_key: "m/1" })]);
    expect([1, 2, 3, 4].map((seq) => store.media.readKey(seq))).toEqual([null, "m/1", null, "m/1"]);
    expect([store.media.readNewest("m/1", 1, 9), store.media.readNewest("m/1", 1, 3), store.media.readNewest("m/1", 3, 3), store.media.readNewest("m/2", 1, 9)]).toEqual([4, 2, null, null]);
    expect(store.media.hasReleases()).toBe(false);
    for (const seq of [2, 3]) store.media.commitLetGo(seq, "ann", `k${seq}`, false);
    expect([store.media.readKey(2), store.media.hasReleases(), new MediaStore(sql).hasReleases()]).toEqual([null, true, true]);
    const releases = store.media.readReleases(9);
    expect(releases).toMatchObject([{ media_key: "m/1", sender_id: "ann", client_msg_id: "k2" }]);
    store.media.commitReleased(releases);
    expect(store.media.hasReleases()).toBe(false);
  }));

  test("[migrations] a user whom version 1 registered has an empty account", () => onSql((sql) => {
    migrate(sql, SESSION_MIGRATIONS.slice(0, 1));
    sql.run("INSERT INTO session (id, user_id, gen, registered_at) VALUES (1, 'ann', 7, 5)");
    const store = new SessionStore(sql);
    store.migrate();
    const users = new UserStore(sql);
    expect(users.readAccount()).toEqual({ registered_at: 5, profile: EMPTY_PROFILE, directory_rev: 0, revoked_before: 0, deactivated_at: null, erased_at: null });
    expect([users.readBlocks(), users.readOutbox(5), users.readQuotas(), store.readSession()?.gen]).toEqual([[], [], {}, 7]);
    users.commitBlock({ user_id: "eve", at: 1, blocked: true, told: false });
    users.commitBlock({ user_id: "eve", at: 2, blocked: true, told: true });
    expect(users.readBlocks()).toEqual([{ user_id: "eve", at: 2, blocked: true, told: true }]);
  }));

  test("[migrations] a schema is brought up to date once, and one that is too new is refused", () => onSql((sql) => {
    const first = { version: 1, min_compatible: 1, sql: "CREATE TABLE one (x INTEGER)" };
    const second = { version: 2, min_compatible: 1, sql: "CREATE TABLE two (x INTEGER)" };
    const third = { version: 3, min_compatible: 3, sql: "CREATE TABLE three (x INTEGER)" };
    expect(schemaVersion(sql)).toBe(0);
    migrate(sql, [first]);
    migrate(sql, [first, second]);
    migrate(sql, [first, second]);
    expect(schemaVersion(sql)).toBe(2);
    // The code of a rollback works on a schema that still says it may.
    migrate(sql, [first]);
    migrate(sql, [first, second, third]);
    expect(() => migrate(sql, [first, second])).toThrow(/needs code of version 3/);
    expect(() => migrate(sql, [first, second, third, { version: 4, min_compatible: 3, sql: "CREATE TABLE four (x INTEGER); NONSENSE" }])).toThrow();
    expect([schemaVersion(sql), sql.all("SELECT name FROM sqlite_master WHERE name = 'four'")]).toEqual([3, []]);
  }));
}
