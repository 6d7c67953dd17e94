// The dialect of a server, from what a process was told of it.
import { confab } from "../dialects/confab.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { socketio } from "../dialects/socketio.ts";
import { Tokens } from "../dialects/tokens.ts";
import { xmpp } from "../dialects/xmpp.ts";
import { WIRES } from "../dialects/wire.ts";
import type { Spoken } from "./commands.ts";

export function speaker(spoken: Spoken): Dialect {
  switch (spoken.dialect) {
    case "confab": {
      const { url, tokens, encoding, receipts } = spoken;
      return confab({ url, tokens: new Tokens(tokens), wire: WIRES[encoding], receipts });
    }
    case "socketio": return socketio(spoken.url);
    case "xmpp": return xmpp(spoken);
  }
}
