// People in front of the page: a browser window each, used as a person uses it. What a page complains about is an error.
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium as browserType, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";
import { connect, type ConfabClient } from "../../client/client.ts";
import type { Product } from "../product.ts";
import { chromium } from "../servers.ts";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A microphone that beeps, and nobody has to allow it. */
export const MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

export function openBrowser(more: readonly string[] = []): Promise<Browser> {
  // Without a locale a file's name that is not ASCII can't be kept.
  return browserType.launch({ executablePath: chromium(), args: [...FLAGS, ...more], env: { ...process.env, LANG: "C.UTF-8" } });
}

export class Person {
  readonly name: string;
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: string[] = [];

  private constructor(name: string, context: BrowserContext, page: Page) {
    this.name = name;
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? error.message));
    page.on("console", (message) => {
      // The browser writes a line for every request that fails; those are part of some tests.
      if (message.type() === "error" && !/Failed to load resource|WebSocket connection to/.test(message.text())) this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, product: Product, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext(options);
    const person = new Person(name, context, await context.newPage());
    await person.page.goto(product.url);
    return person;
  }

  /** Opens a window and signs in. */
  static async enter(browser: Browser, product: Product, name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await Person.open(browser, product, name, options);
    await person.page.getByLabel("Your name").fill(name);
    await person.page.keyboard.press("Enter");
    await person.connected();
    return person;
  }

  get messages(): Locator {
    return this.page.locator(".message");
  }

  get texts(): Promise<string[]> {
    return this.page.locator(".message .text").allTextContents();
  }

  async connected(): Promise<void> {
    await this.page.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor({ timeout: 45_000 });
  }

  async chatWith(name: string): Promise<void> {
    await this.page.getByLabel("Chat with").fill(name);
    await this.page.keyboard.press("Enter");
    await this.page.getByRole("heading", { name, exact: true }).waitFor();
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Message").fill(text);
    await this.page.keyboard.press("Enter");
  }

  message(text: string): Locator {
    return this.messages.filter({ has: this.page.locator(".text", { hasText: text }) });
  }

  async sees(text: string): Promise<void> {
    await this.message(text).waitFor();
  }

  /** What a message says of itself: `Sent` or more, `Delivered`, `Read`, `Waiting to be sent`, `Not sent`. */
  async hasState(text: string, state: string): Promise<void> {
    const said = state === "Sent" ? /Sent|Delivered|Read/ : state;
    await this.message(text).filter({ has: this.page.locator(".meta", { hasText: said }) }).waitFor({ timeout: 45_000 });
  }

  /** Opens a message's menu and takes an entry of it. */
  async act(text: string, entry: string): Promise<void> {
    await this.message(text).last().hover();
    await this.message(text).last().getByRole("button", { name: "More actions" }).click();
    await this.page.getByRole("menuitem", { name: entry }).click();
  }

  async leave(): Promise<void> {
    await this.context.close();
    expect(this.complaints).toEqual([]);
  }
}

/** A client without a page, for what would take long by hand. */
export function program(product: Product, user_id: string): ConfabClient {
  return connect({ url: product.url, token: () => product.token(user_id), user_id });
}
