// Mutated frames through real sockets. The long form is `npm run fuzz -- frames`.
import { expect, test } from "vitest";
import { startProduct } from "../../product.ts";
import { size } from "../../sizes.ts";
import { throughSockets } from "./campaign.ts";

test("whatever frames a socket brings, its answers are of the protocol, and no other conversation changes", async () => {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  try {
    const report = await throughSockets(product, { seed: 1, messages: size("mutated messages", 800, 20_000), say: () => undefined });
    expect(report.failures).toEqual([]);
    // Some got through, and some did not.
    expect(Math.min(report.answers["ack"] ?? 0, report.answers["error bad_frame"] ?? 0, report.answers["error not_found"] ?? 0)).toBeGreaterThan(5);
  } finally {
    await product.discard();
  }
});
