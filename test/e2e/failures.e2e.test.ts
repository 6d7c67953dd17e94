// Failures of the operations page, provoked in the whole product: what an operator sees, and that it mends.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";
import { bucketOf } from "./bucket-of.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({
    env: {
      CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", CONFAB_RESEAL_AFTER_MS: "1000",
      ARCHIVER_POLL_MS: "200", ARCHIVER_POLL_MAX_MS: "1000",
    },
  });
  service = await operator(product);
});
afterAll(() => product.discard());

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

async function edgeMetric(name: string): Promise<number> {
  const { body } = await service.call<Record<string, number>>("GET", "/v1/admin/metrics");
  return body[name] ?? 0;
}

/** While `work` goes on the archiver's process stands still. */
async function withoutArchiver<T>(work: () => Promise<T>): Promise<T> {
  const { archiver } = product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  try {
    return await work();
  } finally {
    process.kill(archiver, "SIGCONT");
  }
}

async function sealed(from: User, to: User, count: number): Promise<string> {
  const acks = [];
  for (const i of range(count)) acks.push(await from.send(to, `message ${i}`));
  const id = acks[0]?.conversation_id as string;
  await until(() => statsOf(service, id), (stats) => stats.sealed_seq === count);
  return id;
}

async function expectWhole(reader: User, id: string, count: number): Promise<void> {
  await until(() => statsOf(service, id), (stats) => stats.pruned_seq >= count - 5, 60_000);
  expect((await reader.history(id)).map((event) => (event.type === "msg" ? event.content : event.type))).toEqual(range(count).map((i) => `message ${i}`));
}

test("[C12] [C10] a segment is gone: segments_put_again, and it is archived", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const before = await edgeMetric("segments_put_again");
  const bucket = bucketOf(product);
  const id = await withoutArchiver(async () => {
    const filled = await sealed(ann, bob, 40);
    for (const key of await bucket.keys()) if (key.includes(filled)) await bucket.delete(key);
    await until(async () => (await bucket.keys()).filter((key) => key.includes(filled)), (keys) => keys.length === 2, 30_000);
    return filled;
  });
  bucket.close();
  expect(await edgeMetric("segments_put_again")).toBeGreaterThanOrEqual(before + 2);
  await expectWhole(bob, id, 40);
});

test("[C12] [B18] a segment is wrong: it is reported, segments_put_again, and it is archived", async () => {
  const [ann, bob] = [await newUser(product), await newUser(product)];
  const before = await edgeMetric("segments_put_again");
  const bucket = bucketOf(product);
  const id = await withoutArchiver(async () => {
    const filled = await sealed(ann, bob, 40);
    const [key = ""] = (await bucket.keys()).filter((one) => one.includes(filled));
    const bytes = await bucket.bytes(key);
    await bucket.put({ key, bytes: (bytes as Uint8Array).map((byte, i) => (i === 40 ? byte ^ 255 : byte)), metadata: await bucket.metadata(key) });
    return filled;
  });
  bucket.close();
  await expectWhole(bob, id, 40);
  expect(await edgeMetric("segments_put_again")).toBeGreaterThanOrEqual(before + 1);
});
