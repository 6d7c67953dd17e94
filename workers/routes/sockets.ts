// The upgrade of a socket: authorized here, and forwarded without its token.
import { Hono } from "hono";
import * as v from "valibot";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { upgradeRequest } from "../../durable-objects/session/upgrade.ts";
import { chosenEncoding, SUBPROTOCOLS } from "../../protocol/encodings.ts";
import { ChatError } from "../../protocol/errors.ts";
import { DeviceId } from "../../protocol/ids.ts";
import { type AppEnv, offeredProtocols, userToken } from "../auth.ts";
import { parsed } from "../requests.ts";

export const sockets = new Hono<AppEnv>();

sockets.get("/v1/ws", async (context) => {
  const request = context.req.raw;
  if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") throw new ChatError("upgrade_required");
  const token = await userToken(context.env, request);
  const device_id = parsed(v.optional(DeviceId, () => crypto.randomUUID()), context.req.query("device_id"));
  // Offering none is fine; offering others alone, and be it the token's, would end the connection at the client.
  const offered = offeredProtocols(request);
  const encoding = chosenEncoding(offered);
  if (offered.length > 0 && encoding === undefined) throw new ChatError("bad_request", { message: `This server speaks ${Object.values(SUBPROTOCOLS).join(" and ")}.` });
  return sessionOf(context.env, token.user_id).fetch(upgradeRequest({ device_id, exp: token.exp, iat: token.iat, encoding: encoding ?? null }));
});
