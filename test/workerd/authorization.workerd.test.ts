// The calls of a conversation that name a user: it answers by that user's membership, whoever has let the call through.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { AppendItem } from "../../protocol/rpc/append.ts";
import type { ConversationCalls } from "../../protocol/rpc.ts";
import { conversation } from "./objects.ts";
import { CALLS } from "../authorization/calls.ts";

const ACTORS = ["stranger", "removed", "banned", "member", "admin", "owner"] as const;
type Actor = (typeof ACTORS)[number];
type Answers = Readonly<Record<Actor, string>>;

/** `ok` for members alone. */
const members = (ok = "ok"): Answers => ({ stranger: "not_found", removed: "not_found", banned: "not_found", member: ok, admin: ok, owner: ok });
const everybody = (answer: string): Answers => ({ stranger: answer, removed: answer, banned: answer, member: answer, admin: answer, owner: answer });
const managers: Answers = { ...members(), member: "forbidden" };

const [KEY, OTHER] = [`m/${"0".repeat(64)}`, `m/${"1".repeat(64)}`] as const;

let made = 0;
interface Group {
  id: string;
  msg_id: string;
}

/** A group in which everybody is who they are called, with one message of the member, seq 2, which has a file. */
async function group(): Promise<Group> {
  made += 1;
  const id = `g.${String(made).padStart(32, "0")}`;
  const stub = conversation(id);
  await stub.create({ conversation_id: id, creator_id: "owner", title: "t", members: ["admin", "member", "peer", "removed"], max_members: 500, location_hint: null, jurisdiction: null });
  const sent = await stub.appendMedia({ conversation_id: id, sender_id: "member", items: [{ client_msg_id: "first", device_id: null, content: "x", content_type: "image", media_key: KEY, media: {} }], create: null, alone: false });
  if (sent.kind !== "answers" || sent.answers[0]?.ok !== true) throw new Error("the message was not taken");
  await stub.putMember({ actor_id: null, user_id: "admin", role: "admin" });
  await stub.removeMember({ actor_id: null, user_id: "removed" });
  await stub.ban({ actor_id: null, user_id: "banned" });
  return { id, msg_id: sent.answers[0].ack.msg_id };
}

const ABSENT: Group = { id: `g.${"f".repeat(32)}`, msg_id: "00000000-0000-7000-8000-000000000000" };

/** Of a batch its only answer. An absent conversation has no batch: its session tells the client what this says. */
async function appended(stub: ConversationCalls, how: "append" | "appendAny" | "appendMedia", id: string, sender_id: Actor, item: AppendItem): Promise<unknown> {
  const reply = await stub[how]({ conversation_id: id, sender_id, items: [item], create: null, alone: false });
  return reply.kind === "absent" ? { ok: false, code: "not_found" } : reply.answers[0];
}

interface Call {
  name: string;
  ask: (stub: ConversationCalls, user: Actor, group: Group) => Promise<unknown>;
  answers: Answers;
}

const key = (user: Actor) => ({ client_msg_id: `by-${user}`, device_id: null });

const TABLE: Readonly<Record<string, readonly Call[]>> = {
  append: [{ name: "a message", ask: (stub, user, { id }) => appended(stub, "append", id, user, { ...key(user), content: "y", content_type: "text" }), answers: members() }],
  appendAny: [
    { name: "an answer", ask: (stub, user, { id, msg_id }) => appended(stub, "appendAny", id, user, { ...key(user), content: "y", content_type: "text", reply_to: msg_id }), answers: members() },
    { name: "an edit", ask: (stub, user, { id, msg_id }) => appended(stub, "appendAny", id, user, { ...key(user), type: "edit", target_msg_id: msg_id, content: "y" }), answers: { ...members("forbidden"), member: "ok" } },
    { name: "a deletion", ask: (stub, user, { id, msg_id }) => appended(stub, "appendAny", id, user, { ...key(user), type: "delete", target_msg_id: msg_id }), answers: members() },
    { name: "a reaction", ask: (stub, user, { id, msg_id }) => appended(stub, "appendAny", id, user, { ...key(user), type: "react", target_msg_id: msg_id, emoji: "+", on: true }), answers: members() },
  ],
  appendMedia: [
    { name: "a message with a file", ask: (stub, user, { id }) => appended(stub, "appendMedia", id, user, { ...key(user), content: "", content_type: "image", media_key: KEY, media: {} }), answers: members() },
    { name: "one whose file is refused", ask: (stub, user, { id }) => appended(stub, "appendMedia", id, user, { ...key(user), content: "", content_type: "image", refused: { code: "media_not_found" } }), answers: members("media_not_found") },
  ],
  mayDownload: [
    { name: "what is there", ask: (stub, user_id) => stub.mayDownload({ user_id, media_key: KEY }), answers: members() },
    { name: "what is not", ask: (stub, user_id) => stub.mayDownload({ user_id, media_key: OTHER }), answers: everybody("not_found") },
  ],
  putMember: [
    { name: "somebody new", ask: (stub, actor_id) => stub.putMember({ actor_id, user_id: "new", role: null }), answers: managers },
    { name: "another's role", ask: (stub, actor_id) => stub.putMember({ actor_id, user_id: "peer", role: "admin" }), answers: { ...members("forbidden"), owner: "ok" } },
    { name: "themselves as an owner", ask: (stub, actor_id) => stub.putMember({ actor_id, user_id: actor_id, role: "owner" }), answers: { ...members("forbidden"), owner: "ok" } },
  ],
  removeMember: [
    { name: "another", ask: (stub, actor_id) => stub.removeMember({ actor_id, user_id: "peer" }), answers: managers },
    { name: "the owner", ask: (stub, actor_id) => stub.removeMember({ actor_id, user_id: "owner" }), answers: { ...members("forbidden"), owner: "ok" } },
    { name: "themselves", ask: (stub, actor_id) => stub.removeMember({ actor_id, user_id: actor_id }), answers: members() },
  ],
  configure: [{ name: "", ask: (stub, actor_id) => stub.configure({ actor_id, history: "all" }), answers: managers }],
  invite: [{ name: "", ask: (stub, actor_id) => stub.invite({ actor_id, expires_in_s: 60, max_uses: 1 }), answers: managers }],
  invites: [{ name: "", ask: (stub, actor_id) => stub.invites({ actor_id }), answers: managers }],
  revokeInvite: [{ name: "one that is not there", ask: (stub, actor_id) => stub.revokeInvite({ actor_id, invite_id: "0".repeat(16) }), answers: { ...managers, admin: "not_found", owner: "not_found" } }],
  join: [{ name: "with what is no secret", ask: (stub, user_id) => stub.join({ user_id, invite_id: "0".repeat(16), secret: "x" }), answers: { ...everybody("invite_invalid"), member: "ok", admin: "ok", owner: "ok" } }],
  ban: [
    { name: "another", ask: (stub, actor_id) => stub.ban({ actor_id, user_id: "peer" }), answers: managers },
    { name: "the owner", ask: (stub, actor_id) => stub.ban({ actor_id, user_id: "owner" }), answers: members("forbidden") },
  ],
  unban: [{ name: "", ask: (stub, actor_id) => stub.unban({ actor_id, user_id: "banned" }), answers: managers }],
  bans: [{ name: "", ask: (stub, actor_id) => stub.bans({ actor_id }), answers: managers }],
  rename: [{ name: "", ask: (stub, actor_id) => stub.rename({ actor_id, title: `by ${actor_id}` }), answers: managers }],
  describe: [{ name: "", ask: (stub, user_id) => stub.describe({ user_id }), answers: members() }],
  history: [
    { name: "", ask: (stub, user_id) => stub.history({ user_id, query: { limit: 50 } }), answers: members() },
    { name: "as text", ask: (stub, user_id) => stub.history({ user_id, query: { limit: 50 }, text: true }), answers: members() },
  ],
  search: [{ name: "", ask: (stub, user_id) => stub.search({ user_id, q: "words", order: "newest", after: null, limit: 20 }), answers: members() }],
  versions: [{ name: "", ask: (stub, user_id, { msg_id }) => stub.versions({ user_id, msg_id }), answers: members() }],
  resume: [
    { name: "from the start", ask: (stub, user_id) => stub.resume({ user_id, cursor: { epoch: 1, seq: 0 }, limit: 50 }), answers: members() },
    { name: "of another epoch", ask: (stub, user_id) => stub.resume({ user_id, cursor: { epoch: 9, seq: 0 }, limit: 50 }), answers: members("epoch_changed") },
    { name: "past the head", ask: (stub, user_id) => stub.resume({ user_id, cursor: { epoch: 1, seq: 999 }, limit: 50 }), answers: members("bad_cursor") },
  ],
  receipts: [
    { name: "of what is there", ask: (stub, user_id) => stub.receipts({ user_id, read_seq: 2 }), answers: members() },
    { name: "past the head", ask: (stub, user_id) => stub.receipts({ user_id, read_seq: 999 }), answers: members("bad_receipt") },
  ],
  messageReceipts: [{ name: "", ask: (stub, user_id, { msg_id }) => stub.messageReceipts({ user_id, msg_id }), answers: members() }],
  attach: [{ name: "", ask: (stub, user_id) => stub.attach({ user_id, gen: 1 }), answers: everybody("-") }],
  peek: [{ name: "", ask: (stub, user_id) => stub.peek({ user_id, settled_seq: 0 }), answers: members() }],
  view: [{ name: "", ask: (stub, user_id) => stub.view({ user_id, gen: 1, viewing: true, until: Date.now() + 60_000 }), answers: members() }],
  typing: [{ name: "", ask: (stub, user_id) => stub.typing({ user_id, on: true }), answers: members() }],
};

function told(reply: unknown): string {
  if (reply === undefined) return "-";
  const { ok, code } = reply as { ok: boolean; code?: string };
  return ok ? "ok" : (code ?? "no code");
}

/** One that waits to be restored: nothing is left of it, or what is left lacks something that the archive has. */
async function unwell(left: "nothing" | "an old copy"): Promise<Group> {
  const made = await group();
  if (left === "nothing") {
    await runInDurableObject(conversation(made.id), async (_object, state) => {
      await state.storage.deleteAll();
    });
    await evictDurableObject(conversation(made.id));
  }
  const ack = { format: 1, conversation_id: made.id, epoch: 1, from_seq: 1, to_seq: 99, count: 99, sha256: "0".repeat(64) } as const;
  expect(told(await conversation(made.id).archived(ack))).toBe("needs_restore");
  return made;
}

/** What is left of an old copy is read. */
const READS = new Set(["describe", "history", "versions", "mayDownload"]);
const ANSWER_NOTHING = new Set(["attach"]);

const rows = Object.entries(TABLE).flatMap(([method, calls]) => calls.map((call) => [`${method} ${call.name}`.trim(), call] as const));

test("[S20] every call that names a user is tried here", () => {
  const named = Object.entries(CALLS["Conversation"] ?? {}).filter(([, kind]) => kind === "member").map(([method]) => method);
  expect(Object.keys(TABLE).toSorted()).toEqual(named.toSorted());
});

describe("[S20] [A34] a conversation asks who it is, call by call", () => {
  test.each(rows)("%s", async (name, { ask, answers }) => {
    const refused = await group();
    const got: [Actor, string][] = [];
    const unseen = new Set<string>();
    for (const actor of ACTORS) {
      const place = answers[actor] === "ok" ? await group() : refused;
      const reply = await ask(conversation(place.id), actor, place);
      got.push([actor, told(reply)]);
      if (answers[actor] === "not_found") unseen.add(JSON.stringify(reply));
    }
    expect(Object.fromEntries(got)).toEqual(answers);
    for (const actor of ACTORS) unseen.add(JSON.stringify(await ask(conversation(ABSENT.id), actor, ABSENT)));
    expect([...unseen], "what is not there and what is not seen are one").toHaveLength(1);
    for (const left of ["nothing", "an old copy"] as const) {
      const place = await unwell(left);
      const strangers = new Set(await Promise.all((["stranger", "removed", "banned"] as const).map(async (actor) => JSON.stringify(await ask(conversation(place.id), actor, place)))));
      expect([...strangers], `to strangers one that waits to be restored is as absent, where ${left} is left`).toEqual([...unseen]);
      const method = name.split(" ")[0] as string;
      if (left === "nothing" || ANSWER_NOTHING.has(method)) continue;
      expect(told(await ask(conversation(place.id), "owner", place)), "its members learn of it").toBe(READS.has(method) ? answers.owner : method === "join" ? "invite_invalid" : "needs_restore");
    }
    // Nobody who was refused has changed anything.
    expect(await conversation(refused.id).stats()).toMatchObject({ ok: true, stats: { head_seq: 4, members: 4 } });
  });
});
