// Where a user's push notifications go, and for the operator's services what waits to be pushed.
import { Hono } from "hono";
import { sessionOf } from "../../durable-objects/platform/env.ts";
import { DeviceId, UserId } from "../../protocol/ids.ts";
import { DeviceBody } from "../../protocol/rest/inbox.ts";
import { type AppEnv, callerOf, service, user } from "../auth.ts";
import { expectOk } from "../errors.ts";
import { parsed, pathId, readJson } from "../requests.ts";

export const devices = new Hono<AppEnv>();

devices.get("/v1/devices", user, async (context) => {
  const { devices: registered } = expectOk(await sessionOf(context.env, callerOf(context)).listDevices());
  return context.json({ devices: registered });
});

devices.put("/v1/devices/:device_id", user, async (context) => {
  const device_id = pathId(DeviceId, context.req.param("device_id"));
  const body = parsed(DeviceBody, await readJson(context.req.raw));
  const { device } = expectOk(await sessionOf(context.env, callerOf(context)).putDevice({ device_id, body }));
  return context.json(device);
});

devices.delete("/v1/devices/:device_id", user, async (context) => {
  const device_id = pathId(DeviceId, context.req.param("device_id"));
  expectOk(await sessionOf(context.env, callerOf(context)).deleteDevice({ device_id }));
  return context.body(null, 204);
});

devices.get("/v1/admin/users/:user_id/pushes", service, async (context) => {
  const { pushes } = expectOk(await sessionOf(context.env, pathId(UserId, context.req.param("user_id"))).pushes());
  return context.json({ pushes });
});
