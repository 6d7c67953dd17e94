// `npm run scale`: the arithmetic to the documents' scale, from counted and measured figures.
import { tables } from "./arithmetic.ts";
import { MEASURED, STORED } from "./counted.ts";

console.log(`${JSON.stringify({ ...MEASURED, ...STORED }, null, 2)}\n\n${tables().join("\n")}`);
