// DATA_DIR/archiver.env: what `npm run archiver -- …` and the commands for media need to speak with what runs here. Holds keys, so for its owner alone.
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";

const INHERITED = /^CASSANDRA_|^ARCHIVE_RETENTION_S$/u;

/** @param env what the archiver is given on top of the environment of start */
export function writeArchiverEnv(dataDir: string, env: Readonly<Record<string, string>>): void {
  const inherited = Object.entries(process.env).filter((entry): entry is [string, string] => INHERITED.test(entry[0]) && entry[1] !== undefined);
  const file = path.join(dataDir, "archiver.env");
  const lines = Object.entries({ ...Object.fromEntries(inherited), ...env, DATA_DIR: dataDir }).map(([name, value]) => `${name}=${quoted(value)}\n`);
  // Renamed into place: whoever reads it reads all of it.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, lines.join(""), { mode: 0o600 });
  renameSync(draft, file);
}

/** As a shell reads it. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
