// Nothing can be asked of the product that the tables of who may don't speak of: every route, every frame and every method of
// the objects is in them.
import { expect, test, vi } from "vitest";
import { UP_FRAMES } from "../../protocol/frames/up.ts";
import { CALLS } from "./calls.ts";
import { FRAMES } from "./frames.ts";
import { ROUTES } from "./routes.ts";

// The Worker's own modules are there only in its runtime; its routes and classes need none of them to be listed.
vi.mock("cloudflare:workers", () => ({ DurableObject: class {} }));
vi.mock("itty-durable", () => ({ createDurable: () => class {} }));

/** Not by its name: its types are those of another runtime. */
const load = async (file: string): Promise<Record<string, unknown>> => (await import(file)) as Record<string, unknown>;

test("[S18] every route is in test/authorization/routes.ts, and no other", async () => {
  const { app } = (await load("../../workers/app.ts")) as { app: { routes: { method: string; path: string }[] } };
  const routes = new Set(app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`));
  expect([...routes].toSorted()).toEqual(Object.keys(ROUTES).toSorted());
});

test("[S18] every frame of a client is in test/authorization/frames.ts", () => {
  expect(Object.keys(FRAMES).toSorted()).toEqual(Object.keys(UP_FRAMES).toSorted());
});

test("[S18] every method of the objects is in test/authorization/calls.ts, and no other", async () => {
  const classes = Object.entries(await load("../../workers/index.ts")).filter((entry): entry is [string, new () => object] => typeof entry[1] === "function");
  const methods = Object.fromEntries(classes.map(([name, type]) => [name, Object.getOwnPropertyNames(type.prototype).filter((method) => method !== "constructor").toSorted()]));
  expect(methods).toEqual(Object.fromEntries(Object.entries(CALLS).map(([name, calls]) => [name, Object.keys(calls).toSorted()])));
});
