// A product and a browser for the tests of one file, and the people who come in front of it.
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type Product, type ProductOptions, startProduct } from "../product.ts";
import { openBrowser, Person } from "./people.ts";

export interface Stage {
  readonly product: Product;
  readonly browser: Browser;
  /** Opens a window, which the test's end closes. */
  open(name: string, options?: BrowserContextOptions): Promise<Person>;
  /** And signs in. */
  enter(name: string, options?: BrowserContextOptions): Promise<Person>;
}

export function newStage(options: ProductOptions = {}, flags: readonly string[] = []): Stage {
  let product: Product;
  let browser: Browser;
  beforeAll(async () => {
    [product, browser] = await Promise.all([startProduct(options), openBrowser(flags)]);
  });
  afterAll(async () => {
    await browser?.close();
    await product?.discard();
  });
  const leaving = async (coming: Promise<Person>): Promise<Person> => {
    const person = await coming;
    onTestFinished(() => person.leave());
    return person;
  };
  return {
    get product() {
      return product;
    },
    get browser() {
      return browser;
    },
    open: (name, how) => leaving(Person.open(browser, product, name, how)),
    enter: (name, how) => leaving(Person.enter(browser, product, name, how)),
  };
}
