// `npm run media:lifecycle` against stores that have no lifecycle rules: versitygw, and the local R2 of `npm start`.
import { expect, test } from "vitest";
import { TestBucket } from "../archiver/test-bucket.ts";
import { localR2 } from "../local-r2.ts";
import { mediaCommand, storeEnvironment } from "./media/command.ts";

const STORES = { versitygw: () => TestBucket.make(), "local R2": () => localR2("media") };

test.each(Object.entries(STORES))("[A21] %s answers 501: unsupported_by_store, and the sweep deletes in its place", async (_name, make) => {
  const bucket = await make();
  for (const args of [[], ["--apply"]]) {
    const { code, out, err } = await mediaCommand("media-lifecycle", storeEnvironment(bucket.config), args);
    expect([code, out.at(-1), err]).toEqual([4, expect.stringMatching(/^unsupported_by_store: .*media:sweep/), ""]);
  }
  bucket.close();
});

test("[A21] a key that is refused is not taken for a store without rules", async () => {
  const bucket = await TestBucket.make();
  const { code, out } = await mediaCommand("media-lifecycle", { ...storeEnvironment(bucket.config), MEDIA_SECRET_ACCESS_KEY: "another" }, ["--apply"]);
  expect([code, out.join()]).toEqual([1, expect.not.stringContaining("unsupported")]);
  bucket.close();
});
