import { describe, expect, onTestFinished, test } from "vitest";
import type { ConfabClient, ConfabError, Message } from "../../client/client.ts";
import { opus, pdf, png } from "../media/samples.ts";
import { startProduct } from "../product.ts";
import { choose, film, give, kept, photo, picture, sendFiles, sha256, shownBytes, STORE } from "./files.ts";
import { MICROPHONE, openBrowser, Person, program } from "./people.ts";
import { newStage } from "./stage.ts";

const stage = newStage({}, MICROPHONE);

let pairs = 0;

/** Two people of this test alone, the one with the other's conversation open. */
async function pair(): Promise<[Person, Person]> {
  const [a, b] = [`ann-${++pairs}`, `bob-${pairs}`];
  const people: [Person, Person] = [await stage.enter(a), await stage.enter(b)];
  await people[0].chatWith(b);
  return people;
}

async function openTheirs(person: Person, peer: Person): Promise<void> {
  await person.page.getByRole("link", { name: new RegExp(`^${peer.name}`) }).click();
}

/** A message that is no more on its way. */
async function sent(person: Person, count: number): Promise<void> {
  await expect.poll(() => person.messages.filter({ has: person.page.locator(".meta", { hasText: /Sent|Delivered|Read/ }) }).count(), { timeout: 45_000 }).toBe(count);
}

/** The newest message of the only conversation there is. */
async function newest(watcher: ConfabClient): Promise<Message> {
  await expect.poll(() => watcher.conversations().length).toBe(1);
  const { events } = await watcher.history(watcher.conversations()[0]?.conversation_id ?? "", { limit: 1 });
  return events[0] as Message;
}

describe("pictures", () => {
  test.each(["button", "drop", "paste"] as const)("[A18] [A20] by %s: shown at once to who sends it, and to the other as the same bytes", async (way) => {
    const [ann, bob] = await pair();
    const file = await photo(ann.page, "holiday.jpg");
    if (way === "button") await choose(ann, file);
    else await give(ann, way, file);
    await ann.say("Look!");
    await picture(ann, "holiday.jpg").waitFor();
    expect(await picture(ann, "holiday.jpg").locator(".whole").getAttribute("src")).toMatch(/^blob:/);
    await sent(ann, 1);
    await openTheirs(bob, ann);
    await picture(bob, "holiday.jpg").waitFor();
    expect(await bob.texts).toEqual(["Look!"]);
    expect(await shownBytes(picture(bob, "holiday.jpg").locator(".whole"))).toBe(sha256(file.buffer));
    const box = await picture(bob, "holiday.jpg").boundingBox();
    expect((box?.width ?? 0) / (box?.height ?? 1)).toBeCloseTo(1.5, 1);
    await picture(bob, "holiday.jpg").click();
    await bob.page.getByRole("dialog", { name: "holiday.jpg" }).getByRole("img", { name: "holiday.jpg" }).waitFor();
    expect(await kept(bob, bob.page.getByRole("button", { name: "Download", exact: true }))).toEqual({ name: "holiday.jpg", sha256: sha256(file.buffer) });
    await bob.page.keyboard.press("Escape");
    expect(await bob.page.getByRole("dialog").count()).toBe(0);
  });

  test("[A19] until it is there its thumbnail is; what rides in the message tells its size", async () => {
    const [ann, bob] = await pair();
    await sendFiles(ann, "", await photo(ann.page, "far.jpg"));
    await sent(ann, 1);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await bob.context.route(STORE, async (route) => {
      await gate;
      await route.continue();
    });
    await openTheirs(bob, ann);
    const small = bob.page.locator(".picture .thumbnail");
    await small.waitFor();
    await expect.poll(() => small.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(90);
    expect(await bob.page.locator(".picture canvas").count()).toBe(1);
    expect(await picture(bob, "far.jpg").count()).toBe(0);
    open();
    await picture(bob, "far.jpg").waitFor();
  });

  test("several at once, with one text: messages of their own, in their order", async () => {
    const [ann, bob] = await pair();
    await sendFiles(ann, "Three of them", await photo(ann.page, "1.jpg"), { name: "2.png", mimeType: "image/png", buffer: Buffer.from(png(1)) }, { name: "3.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf(7)) });
    await sent(ann, 3);
    await openTheirs(bob, ann);
    await sent(ann, 3);
    await expect.poll(() => bob.page.locator(".media").count()).toBe(3);
    expect(await bob.texts).toEqual(["Three of them"]);
  });

  test("what is taken out of the tray is not sent; an empty file and one that is too large are refused with a reason", async () => {
    const [ann] = await pair();
    await choose(ann, await photo(ann.page, "no.jpg"), await photo(ann.page, "yes.jpg"));
    await ann.page.getByRole("button", { name: "Take out no.jpg" }).click();
    await ann.page.locator("input[type=file]").setInputFiles({ name: "empty.txt", mimeType: "text/plain", buffer: Buffer.alloc(0) });
    await ann.page.getByRole("alert").filter({ hasText: "“empty.txt” is empty." }).waitFor();
    await ann.page.locator("input[type=file]").setInputFiles({ name: "huge.png", mimeType: "image/png", buffer: Buffer.alloc(26 * 1024 * 1024 + 1) });
    await ann.page.getByRole("alert").filter({ hasText: "too large" }).waitFor();
    await ann.page.getByLabel("Message").press("Enter");
    await sent(ann, 1);
    await picture(ann, "yes.jpg").waitFor();
    expect(await ann.messages.count()).toBe(1);
  });
});

describe("voice messages", () => {
  test("[B3] recorded in the page: its length is counted, it can be heard before it is sent, and the other plays it", async () => {
    const [ann, bob] = await pair();
    await ann.page.getByRole("button", { name: "Record your voice" }).click();
    await ann.page.getByRole("timer").filter({ hasText: "0:02" }).waitFor();
    expect(await ann.page.getByLabel("Message").isVisible()).toBe(false);
    await ann.page.getByRole("button", { name: "Stop recording" }).click();
    await ann.page.locator(".attachments").getByRole("button", { name: "Play recording" }).waitFor();
    await ann.page.getByLabel("Message").press("Enter");
    await sent(ann, 1);
    await openTheirs(bob, ann);
    await bob.page.locator(".audio-time", { hasText: /^0:0[2-9]$/ }).waitFor();
    // The fake microphone beeps: some stretches are loud, others are not.
    const bars = await bob.page.locator(".audio .wave:not(.played) path").getAttribute("d");
    const heights = [...(bars ?? "").matchAll(/v([\d.]+)/g)].map(([, height]) => Number(height));
    expect(heights).toHaveLength(64);
    expect([Math.min(...heights), Math.max(...heights)]).toEqual([3, 32]);
    const slider = bob.page.getByRole("slider", { name: "Position in recording" });
    await bob.page.locator(".message").getByRole("button", { name: "Play recording" }).click();
    await expect.poll(async () => Number(await slider.inputValue()), { timeout: 20_000 }).toBeGreaterThan(100);
    await bob.page.getByRole("button", { name: "Pause recording" }).click();
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/of \d seconds/);
    await bob.page.getByRole("link", { name: /Voice message/ }).waitFor();
  });

  test("a discarded recording is sent nowhere, and the microphone is free again", async () => {
    const [ann] = await pair();
    await ann.page.evaluate(() => {
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        Object.assign(window, { stream });
        return stream;
      };
    });
    for (const way of ["button", "Escape", "another conversation"]) {
      await ann.page.getByRole("button", { name: "Record your voice" }).click();
      await ann.page.getByRole("timer").waitFor();
      if (way === "button") await ann.page.getByRole("button", { name: "Discard the recording" }).click();
      else if (way === "Escape") await ann.page.keyboard.press("Escape");
      else await ann.chatWith("ann-1");
      await ann.page.getByLabel("Message").waitFor();
      expect(await ann.page.evaluate(() => (window as unknown as { stream: MediaStream }).stream.getTracks().map(({ readyState }) => readyState))).toEqual(["ended"]);
      expect(await ann.page.locator(".attachment").count()).toBe(0);
    }
    expect(await ann.messages.count()).toBe(0);
  });

  test("without a microphone, or when it is not allowed, that is said", async () => {
    for (const [flags, words] of [[[], "There is no microphone here."], [["--use-fake-device-for-media-stream"], "The microphone is not allowed for this page."]] as const) {
      const plain = await openBrowser(flags);
      onTestFinished(() => plain.close());
      const person = await Person.enter(plain, stage.product, "nomi", flags.length === 0 ? { permissions: ["microphone"] } : {});
      const session = await person.context.newCDPSession(person.page);
      if (flags.length > 0) await session.send("Browser.setPermission", { permission: { name: "microphone" }, setting: "denied", origin: stage.product.url });
      await stage.product.token("listener");
      await person.chatWith("listener");
      await person.page.getByRole("button", { name: "Record your voice" }).click();
      await person.page.getByRole("alert").filter({ hasText: words }).waitFor();
      await person.say(`still writing: ${words}`);
      await person.hasState(`still writing: ${words}`, "Sent");
      await person.leave();
    }
  });
});

describe("films and documents", () => {
  test("[A20] [B20] an MP4: a picture of it and its length at first, played when somebody wants it, in ranges", async () => {
    const [ann, bob] = await pair();
    const file = await film(ann.page, "dot.mp4");
    await sendFiles(ann, "", file);
    await sent(ann, 1);
    const ranges: (string | undefined)[] = [];
    bob.page.on("request", (request) => request.url().includes("/cdn-cgi/") && ranges.push(request.headers()["range"]));
    await openTheirs(bob, ann);
    await bob.page.locator(".length", { hasText: /^0:0[12]$/ }).waitFor();
    await expect.poll(() => bob.page.locator(".picture .thumbnail").evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(320);
    expect(ranges).toEqual([]);
    await bob.page.getByRole("button", { name: "Play dot.mp4" }).click();
    const video = bob.page.locator(".picture video");
    await expect.poll(() => video.evaluate((player) => (player as HTMLVideoElement).currentTime), { timeout: 20_000 }).toBeGreaterThan(0.3);
    expect(ranges[0]).toMatch(/^bytes=/);
    expect(await shownBytes(video)).toBe(sha256(file.buffer));
  });

  test("[A20] an Ogg file is played, a PDF is offered with name and size; kept, they are the same bytes", async () => {
    const [ann, bob] = await pair();
    const [voice, plan] = [Buffer.from(opus()), Buffer.from(pdf(3))];
    await sendFiles(ann, "", { name: "voice.opus", mimeType: "audio/ogg", buffer: voice }, { name: "The plan, \"final\" é.pdf".replaceAll("\"", "'"), mimeType: "application/pdf", buffer: plan });
    await sent(ann, 2);
    await openTheirs(bob, ann);
    await bob.page.getByRole("button", { name: "Play recording" }).click();
    const audio = bob.page.locator(".message audio");
    await expect.poll(() => audio.evaluate((player) => (player as HTMLAudioElement).readyState)).toBeGreaterThan(1);
    expect(await shownBytes(audio)).toBe(sha256(voice));
    const offered = bob.page.getByRole("button", { name: new RegExp(`^Download The plan, 'final' é\\.pdf ?, PDF · ${plan.length} bytes$`) });
    expect(await kept(bob, offered)).toEqual({ name: "The plan, 'final' é.pdf", sha256: sha256(plan) });
  });

  test("[B20] SVG and HTML are files to be kept, whatever they are called: nothing of them is shown or run", async () => {
    const [ann, bob] = await pair();
    const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="document.title='owned'"><script>document.title='owned'</script></svg>`);
    const html = Buffer.from("<!doctype html><script>document.title='owned'</script>");
    await sendFiles(ann, "", { name: "logo.svg", mimeType: "image/svg+xml", buffer: svg }, { name: "page.html", mimeType: "text/html", buffer: html });
    await sent(ann, 2);
    await openTheirs(bob, ann);
    for (const [person, name, bytes] of [[bob, "logo.svg", svg], [bob, "page.html", html], [ann, "logo.svg", svg]] as const) {
      expect(await kept(person, person.page.getByRole("button", { name: `Download ${name}` }))).toEqual({ name, sha256: sha256(bytes) });
    }
    for (const person of [ann, bob]) {
      expect(await person.page.locator(".timeline img, .timeline video, .timeline iframe, .timeline svg:not([aria-hidden])").count()).toBe(0);
      expect(await person.page.title()).not.toContain("owned");
    }
  });
});

describe("what goes wrong on the way", () => {
  test("[A18] cancelled while it goes up: nothing is sent, and writing goes on", async () => {
    const [ann, bob] = await pair();
    await ann.context.route(STORE, () => undefined);
    await sendFiles(ann, "never mind", await photo(ann.page, "oops.jpg"));
    await ann.page.getByRole("progressbar", { name: "Upload" }).waitFor();
    await ann.say("meanwhile");
    await ann.hasState("meanwhile", "Sent");
    await ann.page.getByRole("button", { name: "Cancel", exact: true }).click();
    await ann.message("never mind").waitFor({ state: "detached" });
    await ann.context.unroute(STORE);
    await ann.page.reload();
    await ann.sees("meanwhile");
    await openTheirs(bob, ann);
    await bob.sees("meanwhile");
    for (const person of [ann, bob]) expect(await person.texts).toEqual(["meanwhile"]);
  });

  test("[A24] the store can't be reached: said at the message, tried again by itself or when somebody says so", async () => {
    const [ann, bob] = await pair();
    let broken = 0;
    await ann.context.route(STORE, (route) => (broken++ < 2 ? route.abort() : route.continue()));
    const file = await photo(ann.page, "again.jpg");
    await sendFiles(ann, "again", file);
    await ann.page.getByText("Waiting. The server can’t be reached.").waitFor();
    await ann.page.getByRole("button", { name: "Try now" }).click();
    await ann.hasState("again", "Sent");
    expect(broken).toBe(3);
    await openTheirs(bob, ann);
    await picture(bob, "again.jpg").waitFor();
    expect(await shownBytes(picture(bob, "again.jpg").locator(".whole"))).toBe(sha256(file.buffer));
  });

  test("[A19] [D14] the server dies between upload and message: the message is sent once, with its file", async () => {
    const [ann, bob] = await pair();
    await ann.context.route(STORE, async (route) => {
      const answer = await route.fetch();
      stage.product.killRuntime();
      await route.fulfill({ response: answer });
    }, { times: 1 });
    const file = await photo(ann.page, "brave.jpg");
    await sendFiles(ann, "brave", file);
    await ann.hasState("brave", "Sent");
    await openTheirs(bob, ann);
    await picture(bob, "brave.jpg").waitFor();
    expect(await bob.texts).toEqual(["brave"]);
    expect(await shownBytes(picture(bob, "brave.jpg").locator(".whole"))).toBe(sha256(file.buffer));
  });

  test("[A19] a reload while files go up loses none of what was sent, neither its text nor its bytes", async () => {
    const [ann, bob] = await pair();
    let held = 0;
    await ann.context.route(STORE, () => void held++);
    const files = [await photo(ann.page, "one.jpg"), { name: "two.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf(9)) }];
    await sendFiles(ann, "before the reload", ...files);
    await expect.poll(() => held).toBe(2);
    await ann.page.reload();
    await ann.hasState("before the reload", "Waiting to be sent");
    await picture(ann, "one.jpg").waitFor();
    await ann.context.unroute(STORE);
    await ann.page.reload();
    await sent(ann, 2);
    await openTheirs(bob, ann);
    await picture(bob, "one.jpg").waitFor();
    expect(await shownBytes(picture(bob, "one.jpg").locator(".whole"))).toBe(sha256(files[0]?.buffer ?? Buffer.alloc(0)));
    expect(await kept(bob, bob.page.getByRole("button", { name: /^Download two.pdf/ }))).toEqual({ name: "two.pdf", sha256: sha256(files[1]?.buffer ?? Buffer.alloc(0)) });
    expect(await bob.texts).toEqual(["before the reload"]);
  });

  test("[A20] a file that is not what it is called is refused, and the message says why", async () => {
    const [ann] = await pair();
    await sendFiles(ann, "a picture?", { name: "fake.png", mimeType: "image/png", buffer: Buffer.from("MZ this is a program".repeat(20)) });
    await ann.page.getByText("Not sent. Files of this type can’t be sent here.").waitFor();
    await ann.page.getByRole("button", { name: "Delete" }).click();
    await ann.message("a picture?").waitFor({ state: "detached" });
  });
});

describe("afterwards", () => {
  test("[B14] forwarded: somebody else sees it, and nothing goes up again", async () => {
    const [ann, bob] = await pair();
    const cat = await stage.enter(`cat-${pairs}`);
    await bob.chatWith(cat.name);
    await bob.say("hello");
    const file = await photo(ann.page, "pass it on.jpg");
    await sendFiles(ann, "nice", file);
    await sent(ann, 1);
    await openTheirs(bob, ann);
    const puts: string[] = [];
    bob.page.on("request", (request) => request.method() === "PUT" && puts.push(request.url()));
    await picture(bob, "pass it on.jpg").waitFor();
    await bob.act("nice", "Forward");
    await bob.page.getByRole("dialog").getByRole("button", { name: cat.name }).click();
    await bob.page.getByRole("heading", { name: cat.name, exact: true }).waitFor();
    await bob.hasState("nice", "Sent");
    await openTheirs(cat, bob);
    await picture(cat, "pass it on.jpg").waitFor();
    expect(await shownBytes(picture(cat, "pass it on.jpg").locator(".whole"))).toBe(sha256(file.buffer));
    expect(puts).toEqual([]);
  });

  test("[A20] deleted: the picture goes from both pages, and its address with it", async () => {
    const [ann, bob] = await pair();
    await sendFiles(ann, "regret", await photo(ann.page, "regret.jpg"));
    await sent(ann, 1);
    await openTheirs(bob, ann);
    await picture(bob, "regret.jpg").waitFor();
    const watcher = program(stage.product, bob.name);
    onTestFinished(() => watcher.close());
    const message = await newest(watcher);
    expect(await watcher.mediaUrl(message)).toContain("http");
    watcher.forgetMediaUrl(message);
    await ann.act("regret", "Delete for everybody");
    await ann.page.getByRole("button", { name: "Delete", exact: true }).click();
    for (const person of [ann, bob]) {
      await person.sees("This message was deleted.");
      expect(await person.page.locator(".media").count()).toBe(0);
    }
    await expect(watcher.mediaUrl(message)).rejects.toMatchObject({ code: "not_found" });
  });

  test("[A21] past its time the message stays, and says that its file is not kept any longer", async () => {
    const brief = await startProduct({ env: { CONFAB_MEDIA_RETENTION_MS: "1000" } });
    onTestFinished(() => brief.discard());
    const ann = await Person.enter(stage.browser, brief, "ann");
    const bob = await Person.enter(stage.browser, brief, "bob");
    onTestFinished(() => ann.leave());
    onTestFinished(() => bob.leave());
    await ann.chatWith("bob");
    await sendFiles(ann, "for a moment", await photo(ann.page, "brief.jpg"));
    await sendFiles(ann, "", { name: "brief.pdf", mimeType: "application/pdf", buffer: Buffer.from(pdf(2)) });
    await sent(ann, 2);
    const watcher = program(brief, "bob");
    onTestFinished(() => watcher.close());
    const message = await newest(watcher);
    await expect.poll(() => watcher.mediaUrl(message).then((url) => {
      watcher.forgetMediaUrl(message);
      return url;
    }, (error: ConfabError) => error.code), { timeout: 10_000 }).toBe("media_expired");
    await bob.page.getByRole("link", { name: /^ann/ }).click();
    await bob.page.getByText("brief.jpg: not kept any longer").waitFor();
    await bob.page.getByRole("button", { name: /^Download brief.pdf/ }).click();
    await bob.page.getByText("brief.pdf: not kept any longer").waitFor();
    expect(await bob.texts).toEqual(["for a moment"]);
  });
});
