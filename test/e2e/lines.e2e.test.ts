// Lines are between objects: from outside nobody opens one, whatever they send.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LINE_HEADER } from "../../protocol/line.ts";
import { startProduct, type Product } from "../product.ts";
import { newUser, request, type User } from "./api.ts";
import { RawSocket, refusedUpgrade } from "./raw-socket.ts";

let product: Product;
let ann: User;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  ann = await newUser(product, "ann");
});
afterAll(() => product.discard());

// Every life that a session of this age may have.
const asked = [1, 2, 3].map((gen) => ({ [LINE_HEADER]: JSON.stringify({ conversation_id: `g.${"0".repeat(32)}`, user_id: "ann", gen }) }));

test("[L4] the header of a line in a client's upgrade changes nothing: it gets a socket, and what it says there is a client's frame", async () => {
  for (const headers of asked) {
    const socket = await RawSocket.open(product.wsUrl, { token: ann.token, device_id: "d", headers });
    socket.send({ type: "heartbeat", profile: "steady" });
    await socket.take((frame) => frame.type === "heartbeat");
    socket.cut();
  }
});

test("[L4] no path of the Worker opens a line, with a token or without", async () => {
  for (const headers of asked) {
    for (const path of ["/line", "/v1/line", "/v1/ws/line", "/v1/ws/../line"]) {
      expect((await refusedUpgrade(product.wsUrl, { token: ann.token, path, headers })).status, path).toBe(404);
      expect((await request(product.url + path, "GET", { headers: { ...headers, authorization: `Bearer ${ann.token}` } })).status, path).toBe(404);
    }
    expect(await refusedUpgrade(product.wsUrl, { headers })).toMatchObject({ status: 401 });
  }
});
