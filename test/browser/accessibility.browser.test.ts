import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import type { AxeResults } from "axe-core";
import type { BrowserContextOptions } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { opus, pdf } from "../media/samples.ts";
import { choose, photo, picture, STORE } from "./files.ts";
import { MICROPHONE, type Person } from "./people.ts";
import { newStage } from "./stage.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const stage = newStage({}, MICROPHONE);

beforeAll(async () => {
  for (const name of ["ann", "bob", "eve"]) await stage.product.token(name);
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
    const ann = await stage.open(name, options);
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
    await ann.page.goto(`${stage.product.url}/#/with/nobody`);
    await ann.say("Anybody?");
    await ann.hasState("Anybody?", "Not sent");
    await expectNoViolation(ann, "failed message");
    await ann.page.goto(`${stage.product.url}/#`);
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

describe("axe finds nothing in files", () => {
  test.each(LOOKS)("chosen, recorded, on their way, shown, played and opened, %s", async (look, options) => {
    const name = `fay-${look.replaceAll(" ", "-")}`;
    const fay = await stage.open(name, options);
    await fay.page.getByLabel("Your name").fill(name);
    await fay.page.keyboard.press("Enter");
    await fay.page.goto(`${stage.product.url}/#/with/bob`);
    const picked = [await photo(fay.page, "wide.jpg", 1_600, 500), await photo(fay.page, "high.jpg", 300, 900), { name: `${"a long name ".repeat(12)}.pdf`, mimeType: "application/pdf", buffer: Buffer.from(pdf(1)) }];
    await choose(fay, ...picked);
    await fay.page.getByRole("button", { name: "Record your voice" }).click();
    await fay.page.getByRole("timer").filter({ hasText: "0:01" }).waitFor();
    await expectNoViolation(fay, "recording");
    await fay.page.getByRole("button", { name: "Stop recording" }).click();
    await fay.page.locator(".attachments .audio").waitFor();
    await expectNoViolation(fay, "tray");
    expect(await widest(fay)).toBeLessThanOrEqual(options.viewport?.width ?? 0);
    await fay.context.route(STORE, () => undefined);
    await fay.say("Four files");
    await fay.page.getByRole("progressbar").nth(1).waitFor();
    await expectNoViolation(fay, "uploading");
    await fay.context.unroute(STORE);
    await fay.page.reload();
    await expect.poll(() => fay.messages.filter({ has: fay.page.locator(".meta", { hasText: /Sent|Delivered/ }) }).count(), { timeout: 30_000 }).toBe(4);
    await fay.page.getByRole("button", { name: "Open wide.jpg" }).scrollIntoViewIfNeeded();
    await picture(fay, "wide.jpg").waitFor();
    await expectNoViolation(fay, "files");
    expect(await widest(fay)).toBeLessThanOrEqual(options.viewport?.width ?? 0);
    await picture(fay, "high.jpg").click();
    await fay.page.locator(".stage.loaded").waitFor();
    await expectNoViolation(fay, "viewer");
    await fay.page.keyboard.press("Escape");
    await fay.act("Four files", "Forward");
    await expectNoViolation(fay, "forwarding");
  });
});

test("with the keyboard alone: choose, take out, send, play, open and close", async () => {
  const gil = await stage.enter("gil");
  await gil.chatWith("bob");
  const { keyboard } = gil.page;
  await choose(gil, await photo(gil.page, "a.jpg"), { name: "b.opus", mimeType: "audio/ogg", buffer: Buffer.from(opus()) }, { name: "c.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf(1)) });
  const reach = async (name: string): Promise<void> => {
    for (let presses = 0; presses < 30; presses++) {
      await keyboard.press("Shift+Tab");
      if ((await gil.page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "")) === name) return;
    }
    throw new Error(`no way to ${name}`);
  };
  await reach("Take out c.pdf");
  await keyboard.press("Enter");
  expect(await gil.page.evaluate(() => document.activeElement?.id)).toBe("message");
  await keyboard.press("Enter");
  await expect.poll(() => gil.messages.filter({ has: gil.page.locator(".meta", { hasText: /Sent|Delivered/ }) }).count(), { timeout: 30_000 }).toBe(2);
  await reach("Position in recording");
  await keyboard.press("ArrowRight");
  await reach("Play recording");
  await keyboard.press("Space");
  await gil.page.locator(".message audio[src]").waitFor({ state: "attached" });
  await reach("Open a.jpg");
  await keyboard.press("Enter");
  await gil.page.getByRole("dialog", { name: "a.jpg" }).waitFor();
  await keyboard.press("Escape");
  expect(await gil.page.evaluate(() => document.activeElement?.textContent)).toBe("Open a.jpg");
});

function widest(person: Person): Promise<number> {
  return person.page.evaluate(() => Math.max(document.documentElement.scrollWidth, (document.querySelector(".timeline") as Element).scrollWidth, (document.querySelector(".composer") as Element).scrollWidth));
}

test("at 360 px nothing is wider than the screen, whatever is written", async () => {
  const ann = await stage.enter("ann", { viewport: { width: 360, height: 640 } });
  await ann.chatWith("bob");
  await ann.say("w".repeat(2_000));
  await ann.say(`https://example.com/${"path/".repeat(80)}`);
  await ann.hasState("example", "Sent");
  const widths = await ann.page.evaluate(() => [document.documentElement.scrollWidth, (document.querySelector(".timeline") as Element).scrollWidth]);
  expect(Math.max(...widths)).toBeLessThanOrEqual(360);
});

test("with the keyboard alone: sign in, start a chat, write, open another conversation, come back, sign out", async () => {
  const ann = await stage.open("kay");
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
