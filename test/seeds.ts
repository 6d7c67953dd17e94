// `npm test` tries the same generated cases each time, so that it fails for a change and not for luck; the long form tries new ones.
import fc from "fast-check";
import { inject } from "vitest";

if (!inject("long")) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261_127 });
