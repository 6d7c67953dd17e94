// Conversations and their members.
import { type Context, Hono } from "hono";
import { conversationOf, deploymentJurisdiction, type Env, sessionOf } from "../../durable-objects/platform/env.ts";
import { sha256Hex, toHex } from "../../durable-objects/platform/hash.ts";
import { currentSettings, loadSettings } from "../../durable-objects/settings/current.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ConversationId, jurisdictionOf, mintGroupId, UserId } from "../../protocol/ids.ts";
import { CreateBody, MemberBody, PatchBody } from "../../protocol/rest.ts";
import { type AppEnv, callerOf, user, userOrService } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const conversations = new Hono<AppEnv>();

/** Registrations asked for at once. */
const WIDTH = 50;

conversations.post("/v1/conversations", user, async (context) => {
  const creator = callerOf(context);
  const body = parsed(CreateBody, await readJson(context.req.raw));
  await loadSettings(context.env);
  const members = [...new Set(body.members)].filter((member) => member !== creator);
  // A group may ask for less room than the deployment gives, never for more.
  const preset = currentSettings(context.env).max_members;
  const max_members = Math.min(body.max_members ?? preset, preset);
  if (members.length + 1 > max_members) throw new ChatError("group_full");
  await expectRegistered(context.env, members);
  const wanted = body.jurisdiction ?? deploymentJurisdiction(context.env);
  const hex = body.client_msg_id === undefined
    ? toHex(crypto.getRandomValues(new Uint8Array(16)))
    : sha256Hex(`${creator.length}:${creator}:${body.client_msg_id}`).slice(0, 32);
  const minted = mintGroupId(hex, wanted);
  // A key stands for one group: also where it is asked for elsewhere the second time.
  const { conversation_id } = body.client_msg_id === undefined
    ? { conversation_id: minted }
    : await sessionOf(context.env, creator).claimCreation({ client_msg_id: body.client_msg_id, conversation_id: minted });
  const jurisdiction = jurisdictionOf(conversation_id);
  const location_hint = body.location_hint ?? null;
  const { conversation, created } = expectOk(await conversationOf(context.env, conversation_id, location_hint).create({
    conversation_id, creator_id: creator, title: body.title, members, max_members, location_hint, jurisdiction,
    ...(body.encryption === undefined ? {} : { encryption: body.encryption }),
  }));
  return context.json(conversation, created ? 201 : 200);
});

conversations.get("/v1/conversations/:conversation_id", user, async (context) => {
  const { conversation } = expectOk(await named(context).describe({ user_id: callerOf(context) }));
  return context.json(conversation);
});

conversations.patch("/v1/conversations/:conversation_id", user, async (context) => {
  const { title, history } = parsed(PatchBody, await readJson(context.req.raw));
  expectOk(await named(context).configure({
    actor_id: callerOf(context), ...(title === undefined ? {} : { title }), ...(history === undefined ? {} : { history }),
  }));
  const { conversation } = expectOk(await named(context).describe({ user_id: callerOf(context) }));
  return context.json(conversation);
});

conversations.put("/v1/conversations/:conversation_id/members/:user_id", userOrService, async (context) => {
  const user_id = pathId(UserId, context.req.param("user_id"));
  const { role } = parsed(MemberBody, await readJson(context.req.raw, {}));
  const conversation = named(context);
  // A stranger learns nothing of who is registered: the conversation is asked first.
  if (context.get("token").scope !== "service") expectOk(await conversation.describe({ user_id: callerOf(context) }));
  await expectRegistered(context.env, [user_id]);
  const member = expectOk(await conversation.putMember({ actor_id: actorOf(context), user_id, role: role ?? null }));
  return context.json({ user_id, role: member.role }, member.changed ? 201 : 200);
});

conversations.delete("/v1/conversations/:conversation_id/members/:user_id", userOrService, async (context) => {
  const user_id = pathId(UserId, context.req.param("user_id"));
  expectOk(await named(context).removeMember({ actor_id: actorOf(context), user_id }));
  return context.body(null, 204);
});

export function named(context: Context<AppEnv, string>) {
  return conversationOf(context.env, pathId(ConversationId, context.req.param("conversation_id") ?? ""));
}

/** null: the service acts in nobody's name. */
export function actorOf(context: Context<AppEnv>): string | null {
  return context.get("token").scope === "service" ? null : callerOf(context);
}

async function expectRegistered(env: Env, users: readonly string[]): Promise<void> {
  for (let start = 0; start < users.length; start += WIDTH) {
    const known = await Promise.all(users.slice(start, start + WIDTH).map((userId) => sessionOf(env, userId).registered()));
    if (known.includes(false)) throw new ChatError("unknown_user");
  }
}
