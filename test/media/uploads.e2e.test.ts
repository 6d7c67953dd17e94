// Uploads to the store of `npm start`: local R2, at every door by which somebody reached the edge.
import { expect, onTestFinished, test } from "vitest";
import { startProduct } from "../product.ts";
import { codeOf, newUser, request, User } from "../e2e/api.ts";
import { AUTH_ENV, claims, sign } from "../e2e/tokens.ts";
import { anyFile, put } from "./files.ts";
import { storeOf } from "./product-store.ts";
import { announce, uploadsSuite } from "./uploads-suite.ts";

uploadsSuite(async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0", CONFAB_RATE_BURST: "0" } });
  return { product, bucket: storeOf(product) };
});

test("[A18] by either door the address is on the same origin, and leads to the one store", async () => {
  const product = await startProduct({ doors: 2 });
  onTestFinished(() => product.discard());
  const ann = await newUser(product);
  for (const port of product.ports) {
    const origin = `http://127.0.0.1:${port}`;
    const file = anyFile(100, "image/png");
    const answer = await request<{ key: string; url: string; headers: Record<string, string>; expires_at: number }>(`${origin}/api/media/upload-url?type=image&size=100`, "POST", {
      headers: { authorization: `Bearer ${ann.token}` }, body: JSON.stringify({ sha256: file.sha256, content_type: file.content_type }),
    });
    expect(new URL(answer.body.url).origin).toBe(origin);
    // As a page of that door writes it.
    expect((await put(answer.body, file.bytes, { origin })).status).toBe(200);
    expect(await storeOf(product).head(answer.body.key)).toMatchObject({ size: 100 });
  }
});

test("[A18] behind a proxy with TLS the address is the proxy's", async () => {
  const product = await startProduct({ env: { ...AUTH_ENV, ENVIRONMENT: "production" } });
  onTestFinished(() => product.discard());
  const ann = new User(product, "ann", await sign(claims("ann")));
  const file = anyFile(100, "image/png");
  expect(codeOf(await announce(ann, file, "image"))).toBe("403 https_required");
  const answer = await ann.raw<{ key: string; url: string; headers: Record<string, string>; expires_at: number }>("POST", "/api/media/upload-url?type=image&size=100", {
    headers: { "x-forwarded-proto": "https" }, body: JSON.stringify({ sha256: file.sha256, content_type: file.content_type }),
  });
  const { url } = answer.body;
  expect(new URL(url).origin).toBe(product.url.replace("http:", "https:"));
  expect((await put({ ...answer.body, url: url.replace("https:", "http:") }, file.bytes, { "x-forwarded-proto": "https" })).status).toBe(200);
  expect(await storeOf(product).head(answer.body.key)).toMatchObject({ size: 100 });
});

test("[A18] announcing counts as any request does", async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "1", CONFAB_RATE_BURST: "5" } });
  onTestFinished(() => product.discard());
  const ann = await newUser(product);
  const file = anyFile(10);
  const answers = [];
  // Refused ones count as well: six in a row are more than five.
  for (let i = 0; i < 6; i++) answers.push(await announce(ann, file, i % 2 === 0 ? "document" : "program"));
  expect(codeOf(answers[5] ?? (answers[0] as never))).toBe("429 rate_limited");
  expect(answers.slice(0, 5).map(({ status }) => status)).toEqual([200, 400, 200, 400, 200]);
});
