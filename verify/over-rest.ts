// What goes over REST: messages, new groups and the registration of users.
import { encode } from "./connection.ts";
import { checkAck } from "./checks/acks.ts";
import type { Ack } from "./journal.ts";
import { frameOf } from "./outbox.ts";
import type { PlannedConversation, PlannedMessage } from "./plan.ts";
import { type Answer, call, errorOf, persist } from "./rest.ts";
import { BOUNDS, inLanes, type World } from "./world.ts";

const WIDTH = 8;

/** Whoever has asked once is known to the deployment, and can be written to. */
export async function register(world: World, users: readonly string[]): Promise<void> {
  await inLanes(users, WIDTH, async (user) => {
    const answer = await persist(() => call(world.deployment, user, "GET", "/v1/conversations"), BOUNDS.answer);
    if (answer.status !== 200) throw new Error(`${user} can't register: ${answer.status} ${JSON.stringify(answer.body)}`);
  });
}

/** POST /v1/messages until it is acknowledged. */
export async function sendOverRest({ deployment, journal, violations }: World, message: PlannedMessage, altered: boolean): Promise<void> {
  const sending = journal.sending(message);
  const by = `${message.sender_id} rest`;
  const { type: _type, ...body } = frameOf(journal, message, altered);
  const answer = await persist(async () => {
    const attempt = { at: performance.now(), by, place: null, altered, refused: null as string | null };
    sending.attempts.push(attempt);
    const given = await call(deployment, message.sender_id, "POST", "/v1/messages", encode(body));
    attempt.refused = noteRefusal(journal.refusals, given);
    return given;
  }, BOUNDS.answer * 2);
  if (errorOf(answer)?.code === "needs_restore") {
    violations.add("lost", `${message.sender_id} was told over REST that a conversation lacks something that others have seen`, [JSON.stringify(answer.body), ...journal.story(sending)]);
    return;
  }
  if (answer.status !== 200 && answer.status !== 201) {
    violations.add("unanswered", `${sending.key} was refused over REST: ${answer.status}`, [JSON.stringify(answer.body), ...journal.story(sending)]);
    return;
  }
  const { conversation_id, epoch, msg_id, seq, sent_at, dup } = answer.body as Ack;
  const ack: Ack = { at: performance.now(), by, conversation_id, epoch, msg_id, seq, sent_at, dup };
  checkAck(journal, violations, message.sender_id, message.client_msg_id, ack);
  journal.acked(sending, ack);
  // Who writes has read what was before.
  journal.marks.moved(conversation_id, message.sender_id, "READ", seq);
}

/** Creates it until that is acknowledged: with its client_msg_id the same call makes no second group. */
export async function createGroup({ deployment, journal }: World, group: PlannedConversation): Promise<void> {
  const [creator = "", ...members] = group.members;
  const body = JSON.stringify({ kind: "group", title: group.label, members, client_msg_id: group.label });
  const answer = await persist(() => call(deployment, creator, "POST", "/v1/conversations", body), BOUNDS.answer * 2);
  if (answer.status !== 200 && answer.status !== 201) throw new Error(`the group ${group.label} can't be created: ${answer.status} ${JSON.stringify(answer.body)}`);
  journal.created(group, (answer.body as { conversation_id: string }).conversation_id);
}

function noteRefusal(refusals: Map<string, number>, answer: Answer): string | null {
  const code = errorOf(answer)?.code ?? null;
  if (code !== null) refusals.set(code, (refusals.get(code) ?? 0) + 1);
  return code;
}

/** The group's creator lets a guest in who is out, or out who is in, until that is acknowledged. Resolves when it is so. */
export async function changeMembership({ deployment, journal, violations }: World, group: PlannedConversation, guest: string): Promise<void> {
  const id = journal.idOf(group.label);
  const inside = journal.guests.get(group.label) ?? new Set();
  journal.guests.set(group.label, inside);
  if (id === undefined) return;
  const leaving = inside.has(guest);
  // From here on they need not be told any more.
  inside.delete(guest);
  const path = `/v1/conversations/${id}/members/${guest}`;
  const answer = await persist(() => call(deployment, group.members[0] as string, leaving ? "DELETE" : "PUT", path, leaving ? undefined : "{}"), BOUNDS.answer * 2);
  // The second of two calls, when the first one's answer was lost, finds it done.
  const expected = leaving ? [204, 404] : [200, 201];
  if (!expected.includes(answer.status)) violations.add("unanswered", `${guest} can't be ${leaving ? "taken out of" : "let into"} ${group.label}: ${answer.status}`, [JSON.stringify(answer.body)]);
  else if (!leaving) inside.add(guest);
}
