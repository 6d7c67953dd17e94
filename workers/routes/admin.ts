// For the operator's services: settings, metrics and what one conversation is doing.
import { Hono } from "hono";
import { conversationOf } from "../../durable-objects/platform/env.ts";
import { metrics } from "../../durable-objects/platform/metrics.ts";
import { changeSettings, loadSettings, pinned, viewSettings } from "../../durable-objects/settings/current.ts";
import { log } from "../../log/log.ts";
import { ChatError } from "../../protocol/errors.ts";
import { ConversationId } from "../../protocol/ids.ts";
import { SettingsPatch } from "../../protocol/settings.ts";
import { type AppEnv, callerOf, service } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const admin = new Hono<AppEnv>();
admin.use("/v1/admin/*", service);

admin.get("/v1/admin/settings", async (context) => {
  await loadSettings(context.env);
  return context.json(viewSettings(context.env));
});

admin.patch("/v1/admin/settings", async (context) => {
  const patch = parsed(SettingsPatch, await readJson(context.req.raw));
  const pin = Object.keys(patch).find((name) => name in pinned(context.env));
  if (pin !== undefined) throw new ChatError("setting_pinned", { message: `The environment sets ${pin}.` });
  await changeSettings(context.env, patch);
  log("info", "settings_changed", { by: callerOf(context), patch });
  return context.json(viewSettings(context.env));
});

/** Counters of the isolate that happens to answer. */
admin.get("/v1/admin/metrics", (context) => context.json(metrics()));

admin.get("/v1/admin/conversations/:conversation_id/stats", async (context) => {
  const { stats } = expectOk(await conversationOf(context.env, pathId(ConversationId, context.req.param("conversation_id"))).stats());
  return context.json(stats);
});
