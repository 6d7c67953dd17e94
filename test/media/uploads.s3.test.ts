// Uploads to a store that shares no code with local R2, by the same Worker: signatures, times, lengths, types and hashes are its own.
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/ports.ts";
import { forward } from "../../scripts/start/forwarder.ts";
import { PENDING_UPLOADS } from "../../protocol/media.ts";
import { startProduct } from "../product.ts";
import { codeOf, newUser, operator } from "../e2e/api.ts";
import { anyFile } from "./files.ts";
import { envOf, storeOf } from "./product-store.ts";
import { independentStore } from "./stores.ts";
import { announce, uploadsSuite } from "./uploads-suite.ts";

uploadsSuite(async () => {
  const env = envOf(await independentStore());
  const product = await startProduct({ env: { ...env, CONFAB_RATE_LIMIT: "0", CONFAB_RATE_BURST: "0" } });
  return { product, bucket: storeOf(product, env) };
});

test("[C12] the store of files is down: media_store_failures, chat goes on, and uploads in parts begin when it is back", async () => {
  const settings = await independentStore();
  const port = await freePort();
  const env = { ...envOf(settings), MEDIA_ENDPOINT: `http://127.0.0.1:${port}` };
  const product = await startProduct({ env: { ...env, CONFAB_RATE_LIMIT: "0", CONFAB_RATE_BURST: "0" } });
  onTestFinished(() => product.discard());
  const [ann, bob, service] = [await newUser(product), await newUser(product), await operator(product)];
  const failures = async () => (await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body["media_store_failures"] ?? 0;
  const file = { ...anyFile(1, "video/mp4"), size: 200 * 1024 * 1024 };
  expect(codeOf(await announce(ann, file, "video"))).toBe("503 unavailable");
  expect(await failures()).toBe(1);
  expect((await announce(ann, { ...file, size: 10 }, "video")).status).toBe(200);
  // What failed does not wait to be sent: after a long outage there is room.
  for (let i = 0; i < PENDING_UPLOADS; i += 50) await Promise.all(Array.from({ length: 50 }, () => announce(ann, file, "video")));
  expect((await announce(ann, { ...file, size: 10 }, "video")).status).toBe(200);
  expect((await ann.send(bob, "text goes on")).seq).toBe(1);
  const door = await forward(port, Number(new URL(settings.endpoint).port));
  onTestFinished(() => door.close());
  expect((await announce(ann, file, "video")).status).toBe(200);
  expect(await failures()).toBe(1 + PENDING_UPLOADS);
});
