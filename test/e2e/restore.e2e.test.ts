// Restoring over `npm start` with the embedded archive.
import { afterAll, beforeAll } from "vitest";
import { type Product, startProduct } from "../product.ts";
import { RESTORING, restoreSuite } from "./restore-suite.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: RESTORING });
});
afterAll(() => product.discard());

restoreSuite(() => ({ product, env: {} }));
