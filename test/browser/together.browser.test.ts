// What people see of one another: ticks, unread, presence, typing, and messages that change.
import { describe, expect, test } from "vitest";
import type { Person } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage({ env: { CONFAB_SETTLE_AFTER_MS: "300", CONFAB_RATE_LIMIT: "0" } });

/** Two people with each other's conversation open. */
async function pair(a: string, b: string): Promise<[Person, Person]> {
  const [ann, bob] = [await stage.enter(a), await stage.enter(b)];
  await ann.chatWith(b);
  await ann.say("Hello!");
  await bob.page.getByRole("link", { name: new RegExp(`^${a}`) }).click();
  await bob.sees("Hello!");
  return [ann, bob];
}

describe("what became of a message", () => {
  test("[A6] ticks: sent, delivered once the other has it, read once they look", async () => {
    const [ann, bob] = [await stage.enter("ann"), await stage.enter("bob")];
    await ann.chatWith("bob");
    await ann.say("Hi Bob!");
    await ann.hasState("Hi Bob!", "Delivered");
    await bob.page.getByRole("link", { name: /^ann.*1 unread message/ }).click();
    await ann.hasState("Hi Bob!", "Read");
    await bob.page.goto(`${stage.product.url}/#`);
    await ann.say("And now?");
    await ann.hasState("And now?", "Delivered");
    await bob.page.getByRole("link", { name: /^ann.*And now\?.*1 unread message/ }).waitFor();
  });

  test("[D1] read in one window, the other window of the same person shows no unread", async () => {
    const [cat, dan] = [await stage.enter("cat"), await stage.enter("dan")];
    const second = await stage.enter("dan");
    await cat.chatWith("dan");
    await cat.say("one");
    for (const window of [dan, second]) await window.page.getByRole("link", { name: /^cat.*1 unread message/ }).waitFor();
    await dan.page.getByRole("link", { name: /^cat/ }).click();
    await second.page.locator(".conversation:not(.unread)", { hasText: "cat" }).waitFor();
    await expect.poll(() => second.page.title()).toBe("Confab");
  });
});

describe("messages change", () => {
  test("by the menu: edited, reacted to, answered, deleted, as both see it", async () => {
    const [eve, fay] = await pair("eve", "fay");
    await eve.say("See you at fife");
    await eve.hasState("See you at fife", "Sent");
    await eve.act("See you at fife", "Edit");
    await eve.page.getByLabel("Message").fill("See you at five");
    await eve.page.keyboard.press("Enter");
    await fay.message("See you at five").filter({ hasText: "edited" }).waitFor();
    await fay.act("See you at five", "React with 👍");
    await eve.page.getByRole("button", { name: "👍 1" }).waitFor();
    await eve.page.getByRole("button", { name: "👍 1" }).click();
    await fay.page.getByRole("button", { name: "👍 2" }).waitFor();
    await fay.act("See you at five", "Answer");
    await fay.say("Where?");
    await eve.message("Where?").locator(".quote", { hasText: "See you at five" }).waitFor();
    await eve.act("See you at five", "Delete for everybody");
    await eve.page.getByRole("button", { name: "Delete", exact: true }).click();
    await fay.sees("This message was deleted.");
    await fay.message("Where?").locator(".quote", { hasText: "Deleted message" }).waitFor();
    await eve.page.reload();
    await eve.sees("This message was deleted.");
    expect(await eve.texts).toEqual(["Hello!", "This message was deleted.", "Where?"]);
  });

  test("by the keyboard: arrow up changes one's last message, the list is walked, R answers, Escape leaves", async () => {
    const [gil, hal] = await pair("gil", "hal");
    await gil.say("frist");
    await gil.hasState("frist", "Sent");
    const { keyboard } = gil.page;
    await gil.page.getByLabel("Message").press("ArrowUp");
    await keyboard.press("ControlOrMeta+a");
    await keyboard.type("first");
    await keyboard.press("Enter");
    await hal.message("first").filter({ hasText: "edited" }).waitFor();
    const log = hal.page.getByRole("group", { name: "History, gil" });
    await log.focus();
    await hal.page.keyboard.press("Enter");
    await hal.page.keyboard.press("r");
    await hal.page.locator(".about", { hasText: "first" }).waitFor();
    await hal.page.keyboard.press("Escape");
    await expect.poll(() => hal.page.locator(".about").isHidden()).toBe(true);
    await log.focus();
    await hal.page.keyboard.press("Enter");
    await hal.page.keyboard.press("ArrowUp");
    await hal.page.keyboard.press("Enter");
    await hal.page.getByRole("menu").waitFor();
    await hal.page.keyboard.press("ArrowRight");
    await hal.page.keyboard.press("Enter");
    await gil.message("Hello!").getByRole("button", { name: "❤️ 1" }).waitFor();
    expect(await hal.page.evaluate(() => document.activeElement?.closest(".message")?.textContent)).toContain("Hello!");
  });
});

describe("who is there", () => {
  test("online, writing, last seen", async () => {
    const [ida, jan] = await pair("ida", "jan");
    await ida.page.locator(".pane-status", { hasText: "Online" }).waitFor();
    await jan.page.getByLabel("Message").pressSequentially("I am th");
    await ida.page.locator(".pane-status", { hasText: "is writing…" }).waitFor();
    await jan.page.getByLabel("Message").fill("");
    await ida.page.locator(".pane-status", { hasText: "Online" }).waitFor();
    await jan.page.goto("about:blank");
    await ida.page.locator(".pane-status", { hasText: "Last seen a moment ago" }).waitFor();
  });
});

describe("the list", () => {
  test("muted and archived conversations", async () => {
    const [kim, lea] = await pair("kim", "lea");
    await kim.page.getByRole("button", { name: "What to do with this conversation" }).click();
    await kim.page.getByRole("menuitem", { name: "Mute" }).click();
    await kim.page.getByRole("link", { name: /^lea.*muted/ }).waitFor();
    await kim.page.getByRole("button", { name: "What to do with this conversation" }).click();
    await kim.page.getByRole("menuitem", { name: "Archive" }).click();
    await kim.page.getByRole("link", { name: /^lea/ }).waitFor({ state: "detached" });
    await kim.page.getByRole("button", { name: "Archived (1)" }).click();
    await kim.page.getByRole("link", { name: /^lea.*muted/ }).waitFor();
    await kim.page.goto(`${stage.product.url}/#`);
    await lea.say("Still there?");
    await kim.page.getByRole("link", { name: /^lea.*Still there\?.*1 unread message/ }).waitFor();
    await expect.poll(() => kim.page.title()).toBe("Confab");
  });

  test("people are found by the name that they gave themselves, and can be blocked", async () => {
    const [mia, nel] = [await stage.enter("mia"), await stage.enter("nel")];
    await nel.page.getByRole("button", { name: "Your profile" }).click();
    await nel.page.getByLabel("Name that others see").fill("Nelly Quince");
    await nel.page.getByLabel("Handle").fill("nelly");
    await nel.page.getByRole("button", { name: "Save" }).click();
    await nel.page.getByRole("dialog").waitFor({ state: "detached" });
    await expect.poll(async () => {
      await mia.page.getByLabel("Chat with").fill("");
      await mia.page.getByLabel("Chat with").fill("quin");
      return mia.page.getByRole("link", { name: /Nelly Quince/ }).waitFor({ timeout: 2_000 }).then(() => true, () => false);
    }, { timeout: 20_000 }).toBe(true);
    await mia.page.getByRole("link", { name: /Nelly Quince/ }).click();
    await mia.page.getByRole("heading", { name: "nel", exact: true }).waitFor();
    await mia.say("Is it you?");
    await nel.page.getByRole("link", { name: /^mia/ }).click();
    await nel.page.getByRole("button", { name: "What to do with this conversation" }).click();
    await nel.page.getByRole("menuitem", { name: "Block or unblock" }).click();
    await nel.page.getByRole("button", { name: "Block", exact: true }).click();
    await nel.page.getByRole("dialog").waitFor({ state: "detached" });
    await mia.say("Hello?");
    await mia.hasState("Hello?", "Not sent");
    await mia.page.getByText("This is not allowed here.").waitFor();
  });
});

describe("groups", () => {
  test("an owner makes an admin, who may then look after the group; somebody is mentioned, and somebody joins by a link", async () => {
    const [oli, pia] = [await stage.enter("oli"), await stage.enter("pia")];
    await oli.page.getByRole("button", { name: "New group" }).click();
    await oli.page.getByLabel("Name of the group").fill("Garden");
    await oli.page.getByLabel("Members").fill("pia");
    await oli.page.keyboard.press("Enter");
    await oli.page.getByRole("heading", { name: "Garden", exact: true }).waitFor();
    await oli.page.getByRole("button", { name: "Members and settings" }).click();
    await oli.page.getByLabel("Role of pia").selectOption("admin");
    await pia.page.getByRole("link", { name: /^Garden/ }).click();
    await pia.page.getByText("made you an admin").waitFor();
    await oli.page.keyboard.press("Escape");
    await pia.page.goto(`${stage.product.url}/#`);
    await oli.say("@pia have a look");
    await pia.page.getByRole("link", { name: /^Garden.*you are mentioned/ }).click();
    await pia.page.locator(".message.to-me").waitFor();
    await oli.page.getByRole("button", { name: "Members and settings" }).click();
    await oli.page.getByRole("button", { name: "New invitation link" }).click();
    const link = oli.page.getByLabel("Invitation link");
    await expect.poll(() => link.inputValue()).toContain("#/join/");
    const quin = await stage.open("quin");
    await quin.page.goto(await link.inputValue());
    await quin.page.reload();
    await quin.page.getByLabel("Your name").fill("quin");
    await quin.page.keyboard.press("Enter");
    await quin.page.getByRole("button", { name: "Join" }).click();
    await quin.page.getByRole("heading", { name: "Garden", exact: true }).waitFor();
    await oli.page.keyboard.press("Escape");
    await pia.act("have a look", "Delete for everybody");
    await pia.page.getByRole("button", { name: "Delete", exact: true }).click();
    await oli.sees("This message was deleted.");
  });

  test("[B10] [E5] opening a group's page asks for its members' presence once, and closing it ends that", async () => {
    const rob = await stage.enter("rob");
    // Members of a group alone: no list shows them.
    for (const name of ["sue", "tom"]) await stage.product.token(name);
    const asked: string[][] = [];
    const ended: string[][] = [];
    rob.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => {
      const parsed: unknown = payload === "ping" ? [] : JSON.parse(payload.toString());
      for (const frame of (Array.isArray(parsed) ? parsed : [parsed]) as { type: string; users: string[] }[]) {
        if (frame.type === "presence_sub") asked.push(frame.users);
        if (frame.type === "presence_unsub") ended.push(frame.users);
      }
    }));
    await rob.page.reload();
    await rob.connected();
    await rob.page.getByRole("button", { name: "New group" }).click();
    await rob.page.getByLabel("Name of the group").fill("Orchard");
    await rob.page.getByLabel("Members").fill("sue tom");
    await rob.page.keyboard.press("Enter");
    await rob.page.getByRole("heading", { name: "Orchard", exact: true }).waitFor();
    const sue = await stage.enter("sue");
    await sue.page.getByRole("link", { name: /^Orchard/ }).waitFor();
    expect(asked).toEqual([]);
    await rob.page.getByRole("button", { name: "Members and settings" }).click();
    await rob.page.getByRole("listitem").filter({ hasText: "sue" }).filter({ hasText: "online" }).waitFor();
    expect(asked.map((users) => users.toSorted())).toEqual([["sue", "tom"]]);
    await sue.leave();
    await rob.page.getByRole("listitem").filter({ hasText: "sue" }).filter({ hasNotText: "online" }).waitFor();
    await rob.page.keyboard.press("Escape");
    await expect.poll(() => ended.map((users) => users.toSorted())).toEqual([["sue", "tom"]]);
    expect(asked).toHaveLength(1);
  });
});
