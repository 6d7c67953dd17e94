import { expect, inject, onTestFinished, test } from "vitest";
import { type Person, program } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage({ env: { CONFAB_RATE_LIMIT: "0" } });

/** `count` messages m0 … from `sender` to `reader`, and the reader's window with the conversation open. */
async function reading(reader: string, sender: string, count: number): Promise<Person> {
  await stage.product.token(reader);
  const writer = program(stage.product, sender);
  await Promise.all(Array.from({ length: count }, (_, i) => writer.send({ to: reader }, `m${i}`).acked));
  writer.close();
  const person = await stage.enter(reader);
  await person.page.getByRole("link", { name: new RegExp(`^${sender}`) }).click();
  await person.sees(`m${count - 1}`);
  return person;
}

const first = (person: Person) => person.page.locator(".message .text", { hasText: /^m0$/ });

test("[A12 B15] scrolling back reads 200 messages to the first one, and stays where one reads", async () => {
  const ann = await reading("ann", "bob", 200);
  expect(await ann.messages.count()).toBeLessThan(110);
  const log = ann.page.locator(".timeline");
  for (let scrolls = 0; (await first(ann).count()) === 0; scrolls++) {
    if (scrolls > 50) throw new Error("the first message never came");
    const top = ann.messages.first();
    const before = await top.textContent();
    await log.evaluate((element) => (element.scrollTop = 0));
    // More comes above, and what was on top stays in the page.
    await expect.poll(async () => (await first(ann).count()) > 0 || (await ann.messages.first().textContent()) !== before).toBe(true);
  }
  await ann.page.getByText("This is where your conversation begins.").waitFor();
  expect(await ann.texts).toEqual(Array.from({ length: 200 }, (_, i) => `m${i}`));
});

test("a page that comes above does not move what is in sight", async () => {
  const cat = await reading("cat", "dan", 200);
  const log = cat.page.locator(".timeline");
  const moved = await log.evaluate(async (element) => {
    element.scrollTop = 300;
    const edge = element.getBoundingClientRect().top;
    const seen = [...element.querySelectorAll(".message")].find((message) => message.getBoundingClientRect().bottom > edge) as Element;
    const before = seen.getBoundingClientRect().top;
    const rows = element.querySelectorAll(".message").length;
    await new Promise<void>((resolve) => {
      const observer = new MutationObserver(() => {
        if (element.querySelectorAll(".message").length > rows) {
          observer.disconnect();
          resolve();
        }
      });
      observer.observe(element, { childList: true, subtree: true });
    });
    return Math.abs(seen.getBoundingClientRect().top - before);
  });
  expect(moved).toBeLessThan(2);
});

test("while one reads older messages a new one does not scroll; a button says so and leads there", async () => {
  const eve = await reading("eve", "fay", 120);
  await eve.page.locator(".timeline").evaluate((element) => (element.scrollTop = 100));
  const jump = eve.page.getByRole("button", { name: "To the newest" });
  await jump.waitFor();
  const fay = program(stage.product, "fay");
  onTestFinished(() => fay.close());
  await fay.send({ to: "eve" }, "news").acked;
  await eve.page.getByRole("button", { name: "1 new message" }).click();
  await eve.sees("news");
  await expect.poll(() => eve.page.locator(".timeline").evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)).toBeLessThan(3);
  await jump.waitFor({ state: "hidden" });
});

test("a long conversation: the page holds a few hundred messages at most, and writing stays quick", async () => {
  const count = inject("long") ? 10_000 : 1_500;
  const gil = await reading("gil", "hal", count);
  const log = gil.page.locator(".timeline");
  let most = 0;
  for (let scrolls = 0; (await first(gil).count()) === 0; scrolls++) {
    if (scrolls > count) throw new Error("the first message never came");
    const before = await gil.messages.first().textContent();
    await log.evaluate((element) => (element.scrollTop = 0));
    await expect.poll(async () => (await gil.messages.first().textContent()) !== before || (await first(gil).count()) > 0, { interval: 5 }).toBe(true);
    most = Math.max(most, await gil.messages.count());
  }
  expect(most).toBeLessThanOrEqual(240);
  await gil.page.getByRole("button", { name: "To the newest" }).click();
  await gil.sees(`m${count - 1}`);
  const took = await gil.page.evaluate(async () => {
    const field = document.querySelector("textarea") as HTMLTextAreaElement;
    const begun = performance.now();
    field.value = "quick";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.form?.requestSubmit();
    while (![...document.querySelectorAll(".message .text")].some((text) => text.textContent === "quick")) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
  });
  expect(took).toBeLessThan(200);
});
