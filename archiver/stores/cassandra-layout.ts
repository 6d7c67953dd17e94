// What a keyspace says of its own layout, once for all programs: from which month on months are split into partitions, and
// whether the index of senders knows every row.
import { type Client, types } from "cassandra-driver";
import { decideSplitFrom, type Layout, SPLIT_ALWAYS } from "./partitions.ts";

/** The schema's version since which programs know of split months: older ones would not find their rows. */
export const SPLIT_VERSION = 4;

const SERIAL = { prepare: true, isIdempotent: false, serialConsistency: types.consistencies.localSerial };
const READ = "SELECT split_from FROM layout WHERE name = 'messages'";

export function monthAt(now: number): string {
  return new Date(now).toISOString().slice(0, 7);
}

/** @param fresh no older program has ever written here; @param now ms */
export async function openLayout(client: Client, fresh: boolean, now: number): Promise<Layout> {
  const read = async () => (await client.execute(READ, [], { consistency: types.consistencies.localSerial })).first() as unknown as Layout | null;
  let layout = await read();
  if (layout === null) {
    const { split_from } = fresh ? SPLIT_ALWAYS : { split_from: decideSplitFrom(now) };
    await client.execute("INSERT INTO layout (name, split_from, senders_complete) VALUES ('messages', ?, ?) IF NOT EXISTS", [split_from, fresh], SERIAL);
    layout = await read();
  }
  if (layout === null) throw new Error("the keyspace's layout was not read back");
  if (layout.split_from <= monthAt(now)) await shutOut(client);
  return { split_from: layout.split_from };
}

/** Before the first row of a split month: from here on a program that knows months alone may not start. */
export async function shutOut(client: Client): Promise<void> {
  const read = "SELECT minimum_compatible_version FROM schema_version WHERE name = 'archive'";
  for (;;) {
    const row = (await client.execute(read, [], { consistency: types.consistencies.localSerial })).first();
    const minimum = row === null ? null : (row["minimum_compatible_version"] as number | null);
    // Whoever migrates notes a version first; until then no older program runs here.
    if (minimum === null || minimum >= SPLIT_VERSION) return;
    const raise = "UPDATE schema_version SET minimum_compatible_version = ? WHERE name = 'archive' IF minimum_compatible_version = ?";
    if ((await client.execute(raise, [SPLIT_VERSION, minimum], SERIAL)).wasApplied()) return;
  }
}
