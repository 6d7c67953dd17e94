// `npm run proto`: brings protocol/chat.proto and its code up to the schemas of protocol/frames.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { generate, GENERATED, PROTO } from "./proto/generate.ts";
import { protoChanges, protoText } from "./proto/text.ts";

const before = existsSync(PROTO) ? readFileSync(PROTO, "utf8") : "";
const after = protoText(before);
writeFileSync(PROTO, after);
generate(GENERATED);
for (const line of protoChanges(before, after)) console.log(line);
