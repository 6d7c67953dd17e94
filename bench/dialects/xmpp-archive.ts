// Reading an XMPP archive (XEP-0313), page by page.
import type { XmppDevice } from "./xmpp.ts";

/** As large as ejabberd gives them. */
const PAGE = 250;
const NS = "urn:xmpp:mam:2";

export interface Archived {
  key: string;
  place: string;
}

/** @param after a place; null: from the beginning @param count at most */
export async function archived(device: XmppDevice, after: string | null, count: number): Promise<Archived[]> {
  const got: Archived[] = [];
  while (got.length < count) {
    const from = got.at(-1)?.place ?? after;
    const query = `<iq xmlns='jabber:client' type='set' id='page'><query xmlns='${NS}'><set xmlns='http://jabber.org/protocol/rsm'><max>${Math.min(PAGE, count - got.length)}</max>${from === null ? "" : `<after>${from}</after>`}</set></query></iq>`;
    const units = await device.answer(query, (unit) => unit.startsWith("<iq"));
    const page = units.filter((unit) => unit.includes(`xmlns='${NS}'`) && unit.startsWith("<message")).map(entryOf);
    if (page.length === 0) throw new Error(`the archive of ${device.user} ends at ${got.length} of ${count}: ${units.at(-1) ?? ""}`);
    got.push(...page);
  }
  return got;
}

/** The result's own id is its place; the message that it carries has the key. */
function entryOf(unit: string): Archived {
  const [, inside = ""] = unit.split("<forwarded ");
  const [result, message] = [/<result [^>]*>/.exec(unit)?.[0] ?? "", /<message [^>]*>/.exec(inside)?.[0] ?? ""];
  return { key: attribute(message, "id") ?? "", place: attribute(result, "id") ?? "" };
}

/** Of a tag as the server writes it. */
export function attribute(tag: string, name: string): string | null {
  return new RegExp(`\\s${name}='([^']*)'`).exec(tag)?.[1] ?? null;
}
