import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { openBrowser, Person } from "./people.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let product: Product;
let browser: Browser;

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct(), openBrowser()]);
  for (const name of ["ann", "bob", "eve"]) await product.token(name);
});

afterAll(async () => {
  await browser?.close();
  await product?.discard();
});

async function expectNoViolation(person: Person, view: string): Promise<void> {
  await person.page.evaluate(AXE);
  const results = await person.page.evaluate<AxeResults>(`axe.run(document, { resultTypes: ["violations"] })`);
  const found = results.violations.map(({ id, nodes }) => `${view}: ${id} at ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect(found).toEqual([]);
  expect(results.passes.length).toBeGreaterThan(0);
}

const LOOKS: [string, BrowserContextOptions][] = [
  ["light", { colorScheme: "light", viewport: { width: 1200, height: 800 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1200, height: 800 } }],
  ["narrow", { colorScheme: "light", viewport: { width: 360, height: 700 } }],
  ["narrow and dark", { colorScheme: "dark", viewport: { width: 360, height: 700 } }],
];

describe("axe finds nothing", () => {
  test.each(LOOKS)("in every view, %s", async (look, options) => {
    const name = `ann-${look.replaceAll(" ", "-")}`;
    const ann = await Person.open(browser, product, name, options);
    onTestFinished(() => ann.leave());
    await expectNoViolation(ann, "sign-in");
    await ann.page.getByLabel("Your name").fill(name);
    await ann.page.keyboard.press("Enter");
    await ann.connected();
    await expectNoViolation(ann, "no conversation");
    await ann.chatWith("bob");
    await ann.say("Hello!\nA second line.");
    await ann.hasState("Hello!", "Sent");
    await expectNoViolation(ann, "conversation");
    await ann.page.getByRole("button", { name: "Search in this conversation" }).click();
    await ann.page.getByLabel("Search for").fill("line");
    await ann.page.locator(".hit").waitFor();
    await expectNoViolation(ann, "search");
    await ann.page.keyboard.press("Escape");
    await ann.message("Hello!").hover();
    await ann.message("Hello!").getByRole("button", { name: "More actions" }).click();
    await expectNoViolation(ann, "menu of a message");
    await ann.page.getByRole("menuitem", { name: "React with 👍" }).click();
    await ann.page.getByRole("button", { name: "👍 1" }).waitFor();
    await ann.act("Hello!", "Answer");
    await ann.say("An answer");
    await ann.hasState("An answer", "Sent");
    await ann.act("An answer", "Delete for everybody");
    await expectNoViolation(ann, "deleting");
    await ann.page.getByRole("button", { name: "Delete", exact: true }).click();
    await ann.sees("This message was deleted.");
    await expectNoViolation(ann, "changed messages");
    await ann.page.goto(`${product.url}/#/with/nobody`);
    await ann.say("Anybody?");
    await ann.hasState("Anybody?", "Not sent");
    await expectNoViolation(ann, "failed message");
    await ann.page.goto(`${product.url}/#`);
    await ann.page.getByRole("button", { name: "New group" }).click();
    await expectNoViolation(ann, "new group");
    await ann.page.getByLabel("Name of the group").fill("Lunch");
    await ann.page.getByLabel("Members").fill("bob eve");
    await ann.page.keyboard.press("Enter");
    await ann.page.getByRole("button", { name: "Members and settings" }).click();
    await ann.page.getByRole("heading", { name: "3 members" }).waitFor();
    await expectNoViolation(ann, "group");
  });
});

test("at 360 px nothing is wider than the screen, whatever is written", async () => {
  const ann = await Person.enter(browser, product, "ann", { viewport: { width: 360, height: 640 } });
  onTestFinished(() => ann.leave());
  await ann.chatWith("bob");
  await ann.say("w".repeat(2_000));
  await ann.say(`https://example.com/${"path/".repeat(80)}`);
  await ann.hasState("example", "Sent");
  const widths = await ann.page.evaluate(() => [document.documentElement.scrollWidth, (document.querySelector(".timeline") as Element).scrollWidth]);
  expect(Math.max(...widths)).toBeLessThanOrEqual(360);
});

test("with the keyboard alone: sign in, start a chat, write, open another conversation, come back, sign out", async () => {
  const ann = await Person.open(browser, product, "kay");
  onTestFinished(() => ann.leave());
  const { keyboard } = ann.page;
  const focused = () => ann.page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? (document.activeElement as HTMLInputElement | null)?.labels?.[0]?.textContent ?? document.activeElement?.textContent ?? "");
  const tabTo = async (label: RegExp, key = "Tab"): Promise<void> => {
    for (let presses = 0; presses < 40; presses++) {
      if (label.test(await focused())) return;
      await keyboard.press(key);
    }
    throw new Error(`no way to ${String(label)} with ${key}`);
  };
  await tabTo(/Your name/);
  await keyboard.type("kay");
  await keyboard.press("Enter");
  await ann.connected();
  for (const peer of ["bob", "eve"]) {
    await tabTo(/^Chat with$/);
    await keyboard.type(peer);
    await keyboard.press("Enter");
    await ann.page.getByRole("heading", { name: peer, exact: true }).waitFor();
    await tabTo(/^Message$/);
    await keyboard.type(`to ${peer}`);
    await keyboard.press("Enter");
    await ann.hasState(`to ${peer}`, "Sent");
  }
  await tabTo(/^B?bob/i, "Shift+Tab");
  expect(await ann.page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)).not.toBe("none");
  await keyboard.press("Enter");
  await ann.sees("to bob");
  expect(await focused()).toBe("Message");
  await tabTo(/New group/, "Shift+Tab");
  await keyboard.press("Enter");
  await ann.page.getByRole("dialog").waitFor();
  await keyboard.press("Escape");
  expect(await focused()).toMatch(/New group/);
  await tabTo(/Sign out/, "Shift+Tab");
  await keyboard.press("Enter");
  await ann.page.getByLabel("Your name").waitFor();
});
