// How frames are written on a socket, and the subprotocols that ask for it.
import * as v from "valibot";

export const ENCODINGS = ["json", "pb"] as const;
export const Encoding = v.picklist(ENCODINGS);
export type Encoding = v.InferOutput<typeof Encoding>;

export const SUBPROTOCOLS = { json: "chat.v1.json", pb: "chat.v1.pb" } as const satisfies Record<Encoding, string>;

/** The first of the offered subprotocols that is spoken here; undefined: none is. */
export function chosenEncoding(offered: readonly string[]): Encoding | undefined {
  for (const name of offered) {
    const encoding = ENCODINGS.find((known) => SUBPROTOCOLS[known] === name);
    if (encoding !== undefined) return encoding;
  }
  return undefined;
}
