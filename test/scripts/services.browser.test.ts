// The browser of the tests starts and runs scripts.
import { chromium as browserType } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { chromium } from "../servers.ts";

test("a page runs its script", async () => {
  const browser = await browserType.launch({ executablePath: chromium(), args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.setContent(`<p id="text">before</p><script>document.getElementById("text").textContent = "after";</script>`);
  expect(await page.textContent("#text")).toBe("after");
});
