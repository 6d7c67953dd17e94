// Every route by property. The long form is `npm run fuzz -- routes`.
import { expect, test } from "vitest";
import { size } from "../../sizes.ts";
import { askEverything } from "./campaign.ts";

test("[S18] whatever is asked of whichever route, the answer is one of the table, and a stranger learns nothing from it", async () => {
  const report = await askEverything({ seed: 1, count: size("requests", 1_000, 20_000), say: () => undefined });
  expect(report.failures).toEqual([]);
  expect(report.compared).toBeGreaterThan(50);
  expect(report.statuses["200"]).toBeGreaterThan(50);
  expect(report.statuses["400"]).toBeGreaterThan(50);
});
