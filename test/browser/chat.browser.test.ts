import { describe, expect, test } from "vitest";
import { newStage } from "./stage.ts";

const stage = newStage();

describe("two windows", () => {
  test("[A1] chat live: each sees the other's messages, and that the own ones are sent", async () => {
    const [ann, bob] = [await stage.enter("ann"), await stage.enter("bob")];
    await ann.chatWith("bob");
    await ann.say("Hi Bob!");
    await ann.hasState("Hi Bob!", "Sent");
    await bob.page.getByRole("link", { name: /^ann/ }).click();
    await bob.sees("Hi Bob!");
    await bob.say("Hi Ann!");
    await ann.sees("Hi Ann!");
    expect(await ann.texts).toEqual(["Hi Bob!", "Hi Ann!"]);
    expect(await bob.texts).toEqual(["Hi Bob!", "Hi Ann!"]);
  });

  test("a message to a closed conversation shows as unread, in the list and in the title", async () => {
    const [cat, dan] = [await stage.enter("cat"), await stage.enter("dan")];
    await cat.chatWith("dan");
    await cat.say("one");
    await cat.say("two");
    await dan.page.getByRole("link", { name: /^cat.*2 unread messages/ }).waitFor();
    await expect.poll(() => dan.page.title()).toBe("(2) Confab");
    await dan.page.getByRole("link", { name: /^cat/ }).click();
    await dan.sees("two");
    await expect.poll(() => dan.page.title()).toBe("Confab");
    await dan.page.reload();
    await dan.sees("two");
    await expect.poll(() => dan.page.title()).toBe("Confab");
  });

  test("a group: its members see who writes, a removed one loses it", async () => {
    const [eve, fay, gil] = [await stage.enter("eve"), await stage.enter("fay"), await stage.enter("gil")];
    await eve.page.getByRole("button", { name: "New group" }).click();
    await eve.page.getByLabel("Name of the group").fill("Lunch");
    await eve.page.getByLabel("Members").fill("fay, nobody-here");
    await eve.page.keyboard.press("Enter");
    await eve.page.getByRole("alert").filter({ hasText: "nobody of that name" }).waitFor();
    await eve.page.getByLabel("Members").fill("fay gil");
    await eve.page.keyboard.press("Enter");
    await eve.page.getByRole("heading", { name: "Lunch", exact: true }).waitFor();
    await eve.say("Who is in?");
    for (const member of [fay, gil]) {
      await member.page.getByRole("link", { name: /^Lunch/ }).click();
      await member.sees("Who is in?");
      await member.page.locator(".sender", { hasText: "eve" }).waitFor();
    }
    await eve.page.getByRole("button", { name: "Members and settings" }).click();
    await eve.page.getByRole("button", { name: "Remove gil" }).click();
    await eve.page.getByRole("heading", { name: "2 members" }).waitFor();
    await gil.page.getByRole("link", { name: /^Lunch/ }).waitFor({ state: "detached" });
    expect(await fay.page.getByRole("link", { name: /^Lunch/ }).count()).toBe(1);
  });
});

describe("what is written", () => {
  test("HTML and scripts are shown as the text they are", async () => {
    const [ann, hal] = [await stage.enter("ann"), await stage.enter("hal")];
    const texts = ["<script>document.title = 'owned'</script>", "<img src=x onerror=\"document.title = 'owned'\">", "javascript:alert(1) & <b>bold</b>", "{{constructor.constructor('return 1')()}}"];
    await hal.chatWith("ann");
    for (const text of texts) await hal.say(text);
    await ann.page.getByRole("link", { name: /^hal/ }).click();
    for (const person of [hal, ann]) {
      await person.sees("constructor");
      expect(await person.texts).toEqual(texts);
      expect(await person.page.locator(".timeline img, .timeline script, .timeline b, .conversation-list img").count()).toBe(0);
      expect(await person.page.title()).not.toContain("owned");
    }
  });

  test("Shift+Enter is a new line, Enter sends, and nothing but space is not sent", async () => {
    const ida = await stage.enter("ida");
    await ida.chatWith("ann");
    const field = ida.page.getByLabel("Message");
    await field.pressSequentially("one");
    await field.press("Shift+Enter");
    await field.pressSequentially("two");
    await field.press("Enter");
    await ida.hasState("one", "Sent");
    expect(await ida.texts).toEqual(["one\ntwo"]);
    await field.fill("   ");
    await field.press("Enter");
    expect(await ida.messages.count()).toBe(1);
  });

  test("somebody who is not there: said at the message, which can be deleted or tried again", async () => {
    const [jan] = [await stage.enter("jan")];
    await jan.chatWith("kim");
    await jan.say("Are you there?");
    await jan.page.getByText("There is nobody called “kim” here.").waitFor();
    await jan.hasState("Are you there?", "Not sent");
    await jan.page.reload();
    await jan.hasState("Are you there?", "Not sent");
    await stage.enter("kim");
    await jan.page.getByRole("button", { name: "Try again" }).click();
    await jan.hasState("Are you there?", "Sent");
    await jan.chatWith("lou");
    await jan.say("And you?");
    await jan.page.getByRole("button", { name: "Delete" }).click();
    await jan.message("And you?").waitFor({ state: "detached" });
  });

  test("what can't be a name is said before anything is asked", async () => {
    const person = await stage.open("x");
    await person.page.getByLabel("Your name").fill("two words");
    await person.page.keyboard.press("Enter");
    await person.page.getByRole("alert").filter({ hasText: "can’t be used" }).waitFor();
  });
});

describe("staying signed in", () => {
  test("a reload keeps the person, the open conversation and its history; another window is another person", async () => {
    const mia = await stage.enter("mia");
    await mia.chatWith("ann");
    for (const text of ["first", "second", "third"]) await mia.say(text);
    await mia.hasState("third", "Sent");
    await mia.page.reload();
    await mia.sees("third");
    expect(await mia.texts).toEqual(["first", "second", "third"]);
    const second = await mia.context.newPage();
    await second.goto(stage.product.url);
    await second.getByLabel("Your name").waitFor();
  });

  test("[D3] the token is in no address and no storage", async () => {
    const nel = await stage.enter("nel");
    await nel.chatWith("ann");
    await nel.say("hello");
    await nel.hasState("hello", "Sent");
    const kept = await nel.page.evaluate(() => JSON.stringify([Object.entries(sessionStorage), Object.entries(localStorage), document.cookie, location.href]));
    expect(kept).toContain("nel");
    expect(kept).not.toMatch(/eyJ/);
  });

  test("where there is no development issuer a token is asked for, and its owner is who is signed in", async () => {
    const person = await stage.open("pia");
    await person.context.route("**/dev/token", (route) => route.fulfill({ status: 404, json: { error: { code: "not_found", message: "", retryable: false } } }));
    await person.page.getByLabel("Your name").fill("pia");
    await person.page.keyboard.press("Enter");
    const field = person.page.getByLabel("Access token");
    await field.fill("no token");
    await person.page.getByRole("button", { name: "Continue" }).click();
    await person.page.getByRole("alert").filter({ hasText: "no token" }).waitFor();
    await field.fill(await stage.product.token("pia"));
    await person.page.getByRole("button", { name: "Continue" }).click();
    await person.connected();
    await person.page.locator(".me", { hasText: "pia" }).waitFor();
    expect(await person.page.evaluate(() => JSON.stringify([Object.entries(sessionStorage), Object.entries(localStorage)]))).not.toContain("eyJ");
    await person.page.reload();
    await person.page.getByLabel("Your name").waitFor();
  });

  test("a link to a group that is not one's own says so, and what is written there is not sent", async () => {
    const quin = await stage.enter("quin");
    await quin.page.goto(`${stage.product.url}/#/group/g.${"0".repeat(32)}`);
    await quin.page.getByText("This conversation is not there, or not for you.").waitFor();
    await quin.say("hello?");
    await quin.hasState("hello?", "Not sent");
  });

  test("signing out forgets who it was", async () => {
    const oli = await stage.enter("oli");
    await oli.page.getByRole("button", { name: "Sign out" }).click();
    await oli.page.getByLabel("Your name").waitFor();
    await oli.page.reload();
    await oli.page.getByLabel("Your name").waitFor();
    expect(await oli.page.evaluate(() => sessionStorage.length)).toBe(0);
  });
});
