// Hostile bytes on the product's own port. The long form is `npm run fuzz -- wire`.
import { expect, test } from "vitest";
import { startProduct } from "../../product.ts";
import { size } from "../../sizes.ts";
import { attack } from "./campaign.ts";

test("whatever bytes come, the runtime closes what it must with the right code, goes on, and serves everybody else", async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  try {
    const report = await attack(product, { seed: 1, frames: size("hostile frames", 6_000, 100_000), batch: 64, control: size("good connections before", 0, 2_000), say: () => undefined });
    expect(report.failures).toEqual([]);
    // Each kind came, and those that only the heavy batch has.
    expect(Object.keys(report.ends).length).toBeGreaterThan(30);
    expect(report.ends["message_of_33_mib"]).toEqual({ "closed 1009": 1 });
  } finally {
    await product.discard();
  }
});
