// What the Worker tells a session of an upgrade that it has authorized. The token itself never gets here.
import * as v from "valibot";
import { Encoding } from "../../protocol/encodings.ts";
import { DeviceId } from "../../protocol/ids.ts";

export const UPGRADE_HEADER = "confab-upgrade";

/** `encoding` null: the client offered no subprotocol, so none is echoed, and it speaks JSON. */
const Upgrade = v.object({ device_id: DeviceId, exp: v.number(), iat: v.optional(v.number()), encoding: v.nullable(Encoding) });
export type Upgrade = v.InferOutput<typeof Upgrade>;

/** A request with nothing of the client's but the wish to upgrade. */
export function upgradeRequest(upgrade: Upgrade): Request {
  return new Request("https://session/socket", { headers: { Upgrade: "websocket", [UPGRADE_HEADER]: JSON.stringify(upgrade) } });
}

export function readUpgrade(request: Request): Upgrade | null {
  const given = request.headers.get(UPGRADE_HEADER);
  return given === null || request.headers.get("Upgrade") !== "websocket" ? null : v.parse(Upgrade, JSON.parse(given));
}
