import { expect, onTestFinished, test } from "vitest";
import { program } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage();

test("[A24 D14] the server goes and comes back: said in words, what is written meanwhile waits, and arrives in order", async () => {
  const [ann, bob] = [await stage.enter("ann"), await stage.enter("bob")];
  await ann.chatWith("bob");
  await ann.say("before");
  await bob.page.getByRole("link", { name: /^ann/ }).click();
  await bob.sees("before");
  await stage.product.stop();
  await ann.page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
  await ann.page.getByText(/in \d+ s/).waitFor();
  for (const text of ["one", "two", "three"]) await ann.say(text);
  for (const text of ["one", "two", "three"]) await ann.hasState(text, "Waiting to be sent");
  await stage.product.restart();
  await ann.connected();
  await ann.hasState("three", "Sent");
  await bob.sees("three");
  for (const person of [ann, bob]) expect(await person.texts).toEqual(["before", "one", "two", "three"]);
});

test("[D14] what waits survives a reload while the server is gone for good", async () => {
  const [cat, dan] = [await stage.enter("cat"), await stage.enter("dan")];
  await cat.chatWith("dan");
  await cat.say("before");
  await cat.hasState("before", "Sent");
  // The page itself still loads: only the API is cut off.
  await cat.context.route(/\/(v1|dev)\//, (route) => route.abort());
  await cat.page.routeWebSocket(/\/v1\/ws/, (socket) => socket.close());
  await cat.page.reload();
  await cat.page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
  await cat.say("kept");
  await cat.hasState("kept", "Waiting to be sent");
  await cat.page.reload();
  await cat.hasState("kept", "Waiting to be sent");
  await cat.context.unrouteAll();
  const again = await cat.context.newPage();
  onTestFinished(() => again.close());
  await again.goto(stage.product.url);
  await again.getByLabel("Your name").fill("cat");
  await again.keyboard.press("Enter");
  await dan.page.getByRole("link", { name: /^cat/ }).click();
  await dan.sees("kept");
  expect(await dan.texts).toEqual(["before", "kept"]);
});

test("without a network the page says so, and comes back by itself when there is one", async () => {
  const gil = await stage.enter("gil");
  await gil.context.setOffline(true);
  stage.product.killRuntime();
  await gil.page.getByRole("status").filter({ hasText: "Offline" }).waitFor();
  await gil.context.setOffline(false);
  await gil.connected();
});

test("[D7 C9] what was said while this window was cut off is there afterwards, in order", async () => {
  const eve = await stage.enter("eve");
  const fay = program(stage.product, "fay");
  onTestFinished(() => fay.close());
  await fay.send({ to: "eve" }, "m0").acked;
  await eve.page.getByRole("link", { name: /^fay/ }).click();
  await eve.sees("m0");
  const cut = eve.page.getByRole("status").filter({ hasText: /Reconnecting|Offline/ });
  stage.product.killRuntime();
  await cut.waitFor();
  const sent = Array.from({ length: 30 }, (_, i) => fay.send({ to: "eve" }, `m${i + 1}`).acked);
  await Promise.all(sent);
  await eve.sees("m30");
  expect(await eve.texts).toEqual(Array.from({ length: 31 }, (_, i) => `m${i}`));
});
