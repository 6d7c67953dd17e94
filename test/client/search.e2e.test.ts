// The client's search against the started product.
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type ConfabClient } from "../../client/client.ts";
import { type Product, startProduct } from "../product.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product.discard());

async function client(name: string): Promise<ConfabClient> {
  return connect({ url: product.url, token: await product.token(name) });
}

test("[B2] a client finds messages in one conversation and in all, page by page, with their places", async () => {
  const [ann, bob, cat] = [await client("ann"), await client("bob"), await client("cat")];
  const first = await ann.send({ to: "bob" }, "Crème brûlée").acked;
  await bob.send({ to: "ann" }, "no creme").acked;
  await cat.send({ to: "ann" }, "creme for cats").acked;
  const { conversation_id } = first;
  const one = await ann.search("creme", { conversation_id });
  expect(one.hits.map(({ content, highlights }) => [content, highlights.map(([start, end]) => content.slice(start, end))])).toEqual([["no creme", ["creme"]], ["Crème brûlée", ["Crème"]]]);
  expect(one.next_cursor).toBeNull();
  const page = await ann.search("creme", { conversation_id, limit: 1, order: "best" });
  const next = await ann.search("creme", { conversation_id, limit: 1, order: "best", cursor: page.next_cursor as string });
  expect([...page.hits, ...next.hits].map(({ seq }) => seq)).toEqual([2, 1]);
  await expect.poll(async () => (await ann.search("crem*")).hits.map(({ content }) => content)).toEqual(["creme for cats", "no creme", "Crème brûlée"]);
  expect((await ann.search("crem*", { sender: "bob" })).hits.map(({ content }) => content)).toEqual(["no creme"]);
  await expect(ann.search("?!", { conversation_id })).rejects.toMatchObject({ code: "bad_request" });
  await expect(cat.search("creme", { conversation_id })).rejects.toMatchObject({ code: "not_found" });
  for (const person of [ann, bob, cat]) person.close();
});
