// The dialect of a server, from what a process was told of it.
import { confab } from "../dialects/confab.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { Tokens } from "../dialects/tokens.ts";
import { WIRES } from "../dialects/wire.ts";
import type { Spoken } from "./commands.ts";

export function speaker(spoken: Spoken): Dialect {
  const { url, tokens, encoding, receipts } = spoken;
  return confab({ url, tokens: new Tokens(tokens), wire: WIRES[encoding], receipts });
}
