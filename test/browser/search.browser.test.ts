// Searching in the page, by keyboard alone: typing, going to a hit, and back.
import { expect, test } from "vitest";
import { program } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage({ env: { CONFAB_RATE_LIMIT: "0" } });

test("[B2] a hit shows its words marked and leads to its message far above, and Escape leads back", async () => {
  await stage.product.token("ann");
  const bob = program(stage.product, "bob");
  const contents = Array.from({ length: 180 }, (_, i) => (i === 3 ? "Das Café an der Straße" : i === 170 ? "no cafe today" : `m${i}`));
  for (const content of contents) await bob.send({ to: "ann" }, content).acked;
  bob.close();
  const ann = await stage.enter("ann");
  const { page } = ann;
  await page.getByRole("link", { name: /^bob/ }).click();
  await ann.sees("m179");
  await page.getByRole("button", { name: "Search in this conversation" }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.getByLabel("Search for").evaluate((field) => field === document.activeElement)).toBe(true);
  // What is still being typed is the beginning of a word.
  await page.keyboard.type("caf");
  await expect.poll(() => page.locator(".hit-text").allTextContents()).toEqual(["no cafe today", "Das Café an der Straße"]);
  expect(await page.locator(".hit mark").allTextContents()).toEqual(["cafe", "Café"]);
  await page.getByText("2 messages found.").waitFor();
  await page.keyboard.type("e strasse");
  await expect.poll(() => page.locator(".hit mark").allTextContents()).toEqual(["Café", "Straße"]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.evaluate(() => document.activeElement?.querySelector(".text")?.textContent)).toBe("Das Café an der Straße");
  expect(await ann.message("Das Café an der Straße").isVisible()).toBe(true);
  await page.getByLabel("Search for").focus();
  await page.getByLabel("Search for").fill("nowhere to be found");
  await page.getByText("Nothing found.").waitFor();
  await page.keyboard.press("Escape");
  expect(await page.getByLabel("Search for").isVisible()).toBe(false);
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Search in this conversation");
});

test("[B2] more hits come page by page, the best first where that is asked for, and a refusal says why", async () => {
  await stage.product.token("cat");
  const dan = program(stage.product, "dan");
  for (let i = 0; i < 30; i += 1) await dan.send({ to: "cat" }, i === 0 ? "big pear" : `pear ${i} big`).acked;
  dan.close();
  const cat = await stage.enter("cat");
  const { page } = cat;
  await page.getByRole("link", { name: /^dan/ }).click();
  await page.getByRole("button", { name: "Search in this conversation" }).click();
  await page.getByLabel("Search for").fill("big pear ");
  await page.getByText("20 or more messages found.").waitFor();
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByText("30 messages found.").waitFor();
  expect(await page.locator(".hit-text").last().textContent()).toBe("big pear");
  await page.getByLabel("Order of what was found").selectOption("best");
  await expect.poll(() => page.locator(".hit-text").first().textContent()).toBe("big pear");
  await page.getByLabel("Search for").fill("?!");
  await page.getByText("there is no word in it").waitFor();
});
