// client_sequence_number over real sockets: the sender's own order, over reconnects and a kill.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { newUser, until, type User } from "./api.ts";
import type { Frame, RawSocket } from "./raw-socket.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
});
afterAll(() => product.discard());

const numbered = (to: User, device: string, number: number) => ({
  type: "msg", to: to.name, client_msg_id: `${device}-${number}`, content: `${device} ${number}`, client_sequence_number: number,
});

async function contents(user: User, conversationId: string): Promise<string[]> {
  return (await user.history(conversationId)).map((event) => (event.type === "msg" ? event.content + (event.gap === true ? "+" : "") : event.type));
}

test("[B17] [C11] numbers order what comes out of turn, for each device apart, over a reconnect and a kill", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const open = (device_id: string) => ann.socket({ device_id });
  const [phone, tablet] = [await open("phone"), await open("tablet")];
  const acks = [3, 5, 4].map((number) => phone.ask(numbered(bob, "phone", number)));
  acks.push(tablet.ask(numbered(bob, "tablet", 40)));
  const [first] = await Promise.all(acks);
  const id = (first as Frame)["conversation_id"] as string;
  const ofPhone = async () => (await contents(bob, id)).filter((content) => content.startsWith("phone"));
  expect(await ofPhone()).toEqual(["phone 3", "phone 4", "phone 5"]);

  // 7 alone waits, goes in with a gap, and 6 comes late. The tablet is held up by nothing.
  const from = performance.now();
  const seventh = phone.ask(numbered(bob, "phone", 7));
  expect(await tablet.ask(numbered(bob, "tablet", 41))).toMatchObject({ type: "ack" });
  expect(performance.now() - from).toBeLessThan(1_800);
  expect(await seventh).toMatchObject({ type: "ack", status: "SENT" });
  expect(performance.now() - from).toBeGreaterThan(1_900);
  expect(await phone.ask(numbered(bob, "phone", 6))).toMatchObject({ type: "ack" });
  expect(await ofPhone()).toEqual(["phone 3", "phone 4", "phone 5", "phone 7+", "phone 6"]);

  // The count goes on with the device, not with its socket.
  phone.cut();
  const again = await open("phone");
  const ninth = again.ask(numbered(bob, "phone", 9));
  expect(await again.ask(numbered(bob, "phone", 8))).toMatchObject({ type: "ack" });
  expect(await ninth).toMatchObject({ type: "ack" });

  // What was held when everything died was never acknowledged: sent again, it takes its place.
  again.send(numbered(bob, "phone", 11));
  product.killRuntime();
  await again.closed;
  const revived = await until(() => open("phone").catch(() => null), (socket) => socket !== null);
  const eleventh = (revived as RawSocket).ask(numbered(bob, "phone", 11));
  expect(await (revived as RawSocket).ask(numbered(bob, "phone", 10))).toMatchObject({ type: "ack" });
  expect(await eleventh).toMatchObject({ type: "ack" });
  expect((await ofPhone()).slice(5)).toEqual(["phone 8", "phone 9", "phone 10", "phone 11"]);
  expect((await contents(bob, id)).filter((content) => content.startsWith("tablet"))).toEqual(["tablet 40", "tablet 41"]);
});
