// What the archive takes on a node's disk. A node that ends in order has written out all that it held in memory.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";

/** Bytes of all tables of a keyspace, with their indexes and filters; of one copy. @param data the folder of a node that has ended */
export function bytesOf(data: string, keyspace: string): number {
  const folder = path.join(data, "data", keyspace);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  if (!files.some(({ name }) => name.endsWith("-Data.db"))) throw new Error(`the node has written out nothing below ${folder}`);
  return files.reduce((sum, { parentPath, name }) => sum + statSync(path.join(parentPath, name)).size, 0);
}
