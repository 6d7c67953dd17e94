// The page while the archive can't be read: it shows what it has, says so, and goes on by itself.
import { expect, test } from "vitest";
import { operator, statsOf, until } from "../e2e/api.ts";
import { program } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage({ env: {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "20", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200", ARCHIVER_POLL_MAX_MS: "1000",
} });

test("[B15] [A12] while the archive is down the page shows what is hot, says so and no end; when it is back the rest comes without a click", async () => {
  await stage.product.token("ann");
  const bob = program(stage.product, "bob");
  const sent = await Promise.all(Array.from({ length: 60 }, (_, i) => bob.send({ to: "ann" }, `m${i}`).acked));
  bob.close();
  const service = await operator(stage.product);
  await until(() => statsOf(service, sent[0]?.conversation_id as string), (stats) => stats.pruned_seq >= 55);
  const { archiver } = stage.product.pids();
  if (archiver === null) throw new Error("no archiver runs");
  process.kill(archiver, "SIGSTOP");
  const ann = await stage.enter("ann");
  try {
    await ann.page.getByRole("link", { name: /^bob/ }).click();
    await ann.sees("m59");
    await ann.page.getByText("Older messages can’t be read right now.").waitFor();
    expect(await ann.texts).toEqual([55, 56, 57, 58, 59].map((i) => `m${i}`));
    expect(await ann.page.getByText("This is where your conversation begins.").count()).toBe(0);
  } finally {
    process.kill(archiver, "SIGCONT");
  }
  await ann.sees("m20");
  await ann.page.getByText("Older messages can’t be read right now.").waitFor({ state: "detached" });
  await ann.page.locator(".timeline").evaluate((element) => (element.scrollTop = 0));
  await ann.page.getByText("This is where your conversation begins.").waitFor();
  expect(await ann.texts).toEqual(Array.from({ length: 60 }, (_, i) => `m${i}`));
});
