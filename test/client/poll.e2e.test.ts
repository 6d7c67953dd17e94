// The client behind a proxy that refuses upgrades, and lets them pass at times, against the started product.
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { connect, type ConfabClient } from "../../client/client.ts";
import { noUpgradeProxy, type NoUpgradeProxy } from "../e2e/no-upgrade-proxy.ts";
import { type Product, startProduct } from "../product.ts";
import { size } from "../sizes.ts";

let product: Product;
let proxy: NoUpgradeProxy;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_SETTLE_AFTER_MS: "300" } });
  proxy = await noUpgradeProxy(product.url);
});

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

afterAll(async () => {
  await proxy?.close();
  await product?.discard();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 40_000, interval: 20 });

async function person(name: string, url: string): Promise<{ chat: ConfabClient; heard: string[] }> {
  await product.token(name);
  const chat = connect({ url, token: () => product.token(name), user_id: name, backoff: { base_ms: 50, cap_ms: 300, stable_ms: 10_000 }, times: { socket_again_ms: 100 } });
  open.push(chat);
  const heard: string[] = [];
  chat.on("event", (event) => {
    if (event.type === "msg") heard.push(event.content);
  });
  await soon(() => expect(chat.listed).toBe(true));
  return { chat, heard };
}

const transport = ({ state }: ConfabClient) => (state.kind === "open" ? state.transport : state.kind);

test("[A17] behind a proxy that refuses upgrades and lets them pass in turns, everything arrives once and in order", async () => {
  const [ann, bob] = [await person("ann", proxy.url), await person("bob", product.url)];
  expect([transport(ann.chat), transport(bob.chat)]).toEqual(["poll", "socket"]);
  const turns = size("switches of transport", 4, 20);
  const sent: string[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    for (let i = 0; i < 20; i += 1) {
      const [from, to] = i % 2 === 0 ? [ann, "bob"] : [bob, "ann"];
      sent.push(`${turn}.${i}`);
      // One behind the other, so that the order of all is known.
      await from.chat.send({ to }, `${turn}.${i}`).acked;
      if (i === 10) {
        proxy.blocks = turn % 2 === 1;
        if (proxy.blocks) proxy.cut();
      }
    }
    await soon(() => expect(transport(ann.chat)).toBe(proxy.blocks ? "poll" : "socket"));
  }
  await soon(() => expect([ann.heard.length, bob.heard.length]).toEqual([sent.length, sent.length]));
  expect([ann.heard, bob.heard]).toEqual([sent, sent]);
});
