// The messages of a run as they now are: whatever way an event and its changes came, the outcome is the server's.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { amended, reacted } from "../../client/amend.ts";
import { type ChatEvent, type Message, type Slot, Timeline } from "../../client/timeline.ts";
import { REACTION_USERS } from "../../protocol/limits.ts";

const ID = `d.${"0".repeat(64)}`;
const EMOJIS = ["👍", "❤️"];

const envelope = (seq: number, sender_id: string) => ({ conversation_id: ID, epoch: 1, seq, msg_id: `m${seq}`, sender_id, sent_at: 1_000 + seq });

type Step =
  | { kind: "say"; by: number; reply: number | null }
  | { kind: "edit" | "delete"; on: number }
  | { kind: "react"; by: number; on: number; emoji: number; set: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("say" as const), by: fc.nat(4), reply: fc.option(fc.nat(20), { nil: null }) }),
  fc.record({ kind: fc.constantFrom("edit" as const, "delete" as const), on: fc.nat(20) }),
  fc.record({ kind: fc.constant("react" as const), by: fc.nat(40), on: fc.nat(20), emoji: fc.nat(1), set: fc.boolean() }),
);

/** The events as a server commits them: what would change nothing is no event. */
function eventsOf(steps: readonly Step[]): ChatEvent[] {
  const events: ChatEvent[] = [];
  const reactors = new Set<string>();
  const gone = new Set<string>();
  for (const one of steps) {
    const seq = events.length + 1;
    const messages = events.filter((event) => event.type === "msg");
    const target = messages[("on" in one ? one.on : one.kind === "say" ? (one.reply ?? 0) : 0) % Math.max(1, messages.length)];
    if (one.kind === "say") {
      const reply = one.reply === null || target === undefined ? {} : { reply_to: target.msg_id };
      events.push({ ...envelope(seq, `u${one.by}`), type: "msg", content: `${seq}`, content_type: "text", ...reply });
    } else if (target !== undefined && !gone.has(target.msg_id)) {
      const about = { target_msg_id: target.msg_id, target_seq: target.seq };
      if (one.kind === "edit") events.push({ ...envelope(seq, target.sender_id), type: "edit", content: `edited ${seq}`, ...about });
      if (one.kind === "delete") {
        gone.add(target.msg_id);
        events.push({ ...envelope(seq, target.sender_id), type: "delete", ...about });
      }
      const key = one.kind === "react" ? `${target.msg_id} ${one.by} ${one.emoji}` : "";
      if (one.kind === "react" && reactors.has(key) !== one.set) {
        if (one.set) reactors.add(key);
        else reactors.delete(key);
        events.push({ ...envelope(seq, `u${one.by}`), type: "react", emoji: EMOJIS[one.emoji] as string, on: one.set, ...about });
      }
    }
  }
  return events;
}

/** An independent model: every message with its whole set of reactors, by reading all events anew. */
function shownAt(events: readonly ChatEvent[], seq: number, head: number): Slot {
  const event = events[seq - 1] as ChatEvent;
  if (event.type !== "msg") return event;
  const later = events.slice(seq, head);
  const about = later.filter((one) => "target_msg_id" in one && one.target_msg_id === event.msg_id);
  const edit = about.findLast((one) => one.type === "edit");
  const deletion = about.find((one) => one.type === "delete");
  const sets = new Map<string, Set<string>>();
  for (const one of about) {
    if (one.type !== "react") continue;
    const users = sets.get(one.emoji) ?? new Set();
    sets.set(one.emoji, users);
    if (one.on) users.add(one.sender_id);
    else users.delete(one.sender_id);
    if (users.size === 0) sets.delete(one.emoji);
  }
  const reactions = [...sets].map(([emoji, users]) => ({ emoji, count: users.size, users: [...users].slice(0, REACTION_USERS) }));
  const gone = new Set(later.flatMap((one) => (one.type === "delete" ? [one.target_msg_id] : [])));
  const replies = later.filter((one) => one.type === "msg" && one.reply_to === event.msg_id && !gone.has(one.msg_id)).length;
  const shown: Message = { ...event };
  if (edit?.type === "edit" && deletion === undefined) Object.assign(shown, { content: edit.content, edited_at: edit.sent_at });
  if (deletion !== undefined) Object.assign(shown, { content: "", deleted_at: deletion.sent_at });
  if (reactions.length > 0 && deletion === undefined) shown.reactions = reactions;
  if (replies > 0) shown.replies = replies;
  return shown;
}

/** Users beyond the first twenty are not named, so whom a list names depends on the way; its length and counts don't. */
const comparable = (slots: readonly Slot[]) => slots.map((slot) => (slot.type !== "msg" || slot.reactions === undefined ? slot
  : { ...slot, reactions: slot.reactions.map(({ emoji, count }) => ({ emoji, count })).toSorted((a, b) => a.emoji.localeCompare(b.emoji)) }));

describe("messages as they now are", () => {
  test("pushed, pulled or read backwards, at any moment: edits, deletions, reactions and replies end as at the server", () => {
    const world = fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 80 }), start: fc.nat(20), readAt: fc.nat(60), takes: fc.nat(6), cuts: fc.array(fc.nat(80), { maxLength: 4 }) });
    fc.assert(fc.property(world, ({ steps, start, readAt, takes, cuts }) => {
      const events = eventsOf(steps);
      const head = events.length;
      const begin = Math.min(start, head);
      const timeline = new Timeline(ID, { epoch: 1, seq: begin });
      const lost = new Set(cuts);
      let [asked, older]: [number, Slot[]] = [0, []];
      for (let seq = begin + 1; seq <= head; seq++) {
        if (!lost.has(seq)) timeline.apply([events[seq - 1] as ChatEvent]);
        // A page of what is older, as it was when it was asked for: more comes until it is here.
        if (seq === readAt) [asked, older] = [timeline.head, Array.from({ length: Math.min(begin, 10) }, (_, i) => shownAt(events, begin - i, timeline.head))];
        if (seq === readAt + takes) timeline.prepend(older, asked);
      }
      timeline.knowHead(1, head);
      for (let gap = timeline.gap; gap !== null; gap = timeline.gap) {
        const { after, before } = gap;
        timeline.pulled(after, Array.from({ length: before - after - 1 }, (_, i) => shownAt(events, after + 1 + i, head)), head);
      }
      if (timeline.floor > 0) timeline.prepend(Array.from({ length: timeline.floor }, (_, i) => shownAt(events, i + 1, head)), head);
      expect(comparable(timeline.run)).toEqual(comparable(Array.from({ length: head }, (_, i) => shownAt(events, i + 1, head))));
    }), { numRuns: 1_000 });
  });

  test("a reaction is a set per user and emoji", () => {
    const one = reacted([], "👍", "ann", true);
    expect(reacted(one, "👍", "ann", true)).toBe(one);
    expect(reacted(one, "👍", "bob", true)).toEqual([{ emoji: "👍", count: 2, users: ["ann", "bob"] }]);
    expect(reacted(one, "👍", "bob", false)).toBe(one);
    expect(reacted(one, "👍", "ann", false)).toEqual([]);
  });

  test("beyond twenty only the count grows and shrinks", () => {
    let reactions = reacted([], "👍", "u0", true);
    for (let i = 1; i < 25; i++) reactions = reacted(reactions, "👍", `u${i}`, true);
    expect(reactions[0]).toMatchObject({ count: 25 });
    expect(reactions[0]?.users).toHaveLength(REACTION_USERS);
    expect(reacted(reactions, "👍", "u24", false)[0]).toMatchObject({ count: 24 });
    expect(reacted(reactions, "👍", "u3", false)[0]?.users).not.toContain("u3");
  });

  test("a deleted message takes no edit", () => {
    const message: Message = { ...envelope(1, "ann"), type: "msg", content: "", content_type: "text", deleted_at: 5 };
    expect(amended(message, { ...envelope(2, "ann"), type: "edit", content: "again", target_msg_id: "m1", target_seq: 1 })).toBe(message);
  });
});
