// Messages with files, on the store that `npm start` brings along.
import { startProduct } from "../product.ts";
import { mediaSuite } from "./media-suite.ts";
import { MEDIA_ENV } from "./media-env.ts";

mediaSuite(() => startProduct({ env: MEDIA_ENV }), false);
