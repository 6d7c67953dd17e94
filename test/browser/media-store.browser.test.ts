import { readFileSync } from "node:fs";
import path from "node:path";
import { type CORSRule, PutBucketCorsCommand, S3Client } from "@aws-sdk/client-s3";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { build, ROOT } from "../../scripts/build.ts";
import { envOf } from "../media/product-store.ts";
import { pdf } from "../media/samples.ts";
import { independentStore } from "../media/stores.ts";
import { type Product, startProduct } from "../product.ts";
import { freshFolder, removeFolder } from "../product/folders.ts";
import { film, kept, photo, picture, sendFiles, sha256, shownBytes } from "./files.ts";
import { openBrowser, Person } from "./people.ts";

const outDir = freshFolder();
let product: Product;
let browser: Browser;
let endpoint: string;

/** As the operations page says it, for this page's origin. */
function corsRules(origin: string): CORSRule[] {
  const [, text = ""] = /```json\n(\[\{"AllowedOrigins"[^]*?)```/.exec(readFileSync(path.join(ROOT, "docs/operations.md"), "utf8")) ?? [];
  return (JSON.parse(text) as CORSRule[]).map((rule) => ({ ...rule, AllowedOrigins: [origin] }));
}

beforeAll(async () => {
  const settings = await independentStore();
  endpoint = settings.endpoint;
  for (const [name, value] of Object.entries(envOf(settings))) vi.stubEnv(name, value);
  await build({ outDir });
  [product, browser] = await Promise.all([startProduct({ build: outDir, env: envOf(settings) }), openBrowser()]);
  const { region, accessKeyId, secretAccessKey, bucket } = settings;
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: { CORSRules: corsRules(product.url) } }));
  client.destroy();
});

afterAll(async () => {
  await browser?.close();
  await product?.discard();
  removeFolder(outDir);
});

test("[A18] [A20] [B20] with the store on an origin of its own, files go there and come from there: the page's policy and the bucket's rules let them", async () => {
  const [ann, bob] = [await Person.enter(browser, product, "ann"), await Person.enter(browser, product, "bob")];
  onTestFinished(() => ann.leave());
  onTestFinished(() => bob.leave());
  await ann.chatWith("bob");
  const [image, video, plan] = [await photo(ann.page, "far away.jpg"), await film(ann.page, "dot.mp4"), { name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf(4)) }];
  const asked: string[] = [];
  ann.page.on("request", (request) => request.method() === "PUT" && asked.push(new URL(request.url()).origin));
  await sendFiles(ann, "all of it", image, video, plan);
  await expect.poll(() => ann.messages.filter({ has: ann.page.locator(".meta", { hasText: /Sent|Delivered|Read/ }) }).count(), { timeout: 30_000 }).toBe(3);
  expect(asked).toEqual([endpoint, endpoint, endpoint]);
  await bob.page.getByRole("link", { name: /^ann/ }).click();
  await bob.page.getByRole("button", { name: "Open far away.jpg" }).scrollIntoViewIfNeeded();
  await picture(bob, "far away.jpg").waitFor();
  const shown = picture(bob, "far away.jpg").locator(".whole");
  expect(await shown.getAttribute("src")).toContain(endpoint);
  expect(await shownBytes(shown)).toBe(sha256(image.buffer));
  await bob.page.getByRole("button", { name: "Play dot.mp4" }).click();
  await expect.poll(() => bob.page.locator("video").evaluate((player) => (player as HTMLVideoElement).currentTime), { timeout: 20_000 }).toBeGreaterThan(0.2);
  expect(await kept(bob, bob.page.getByRole("button", { name: /^Download plan.pdf/ }))).toEqual({ name: "plan.pdf", sha256: sha256(plan.buffer) });
  expect(bob.page.url()).toContain(product.url);
});
