// Attacks on files, on the store that `npm start` brings along.
import { storeOf } from "../media/product-store.ts";
import { startProduct } from "../product.ts";
import { mediaAttacks } from "./media-attacks-suite.ts";
import { MEDIA_ENV } from "./media-env.ts";

mediaAttacks(async () => {
  const product = await startProduct({ env: MEDIA_ENV });
  return { product, bucket: storeOf(product) };
});
