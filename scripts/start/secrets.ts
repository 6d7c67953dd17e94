// The local deployment's keys, made at the first start and kept in DATA_DIR/secrets.json (mode 600).
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { UsageError } from "./plan.ts";

export interface Secrets {
  /** Signs the development issuer's tokens. */
  readonly AUTH_SECRET: string;
  /** Signs what edge and archiver say to one another. */
  readonly ARCHIVE_SECRET: string;
  /** Credentials of the local bucket's S3 endpoint. */
  readonly S3_ACCESS_KEY_ID: string;
  readonly S3_SECRET_ACCESS_KEY: string;
  /** The same of the bucket of files, and what keys the names of contents. */
  readonly MEDIA_ACCESS_KEY_ID: string;
  readonly MEDIA_SECRET_ACCESS_KEY: string;
  readonly MEDIA_SECRET: string;
}

type Name = keyof Secrets;

const secret = (): string => randomBytes(32).toString("base64url");
const keyId = (): string => `local${randomBytes(8).toString("hex")}`;
const accessKey = (): string => randomBytes(32).toString("hex");
const MAKE: Readonly<Record<Name, () => string>> = {
  AUTH_SECRET: secret, ARCHIVE_SECRET: secret, S3_ACCESS_KEY_ID: keyId, S3_SECRET_ACCESS_KEY: accessKey,
  MEDIA_ACCESS_KEY_ID: keyId, MEDIA_SECRET_ACCESS_KEY: accessKey, MEDIA_SECRET: secret,
};
const NAMES = Object.keys(MAKE) as Name[];

/** Keys from an older start stay; missing ones are added. Throws when the file is damaged. */
export function readOrMakeSecrets(dataDir: string): Secrets {
  const file = path.join(dataDir, "secrets.json");
  const kept = readKept(file);
  const secrets = Object.fromEntries(NAMES.map((name) => [name, kept[name] ?? MAKE[name]()])) as Record<Name, string>;
  if (NAMES.some((name) => kept[name] === undefined)) {
    // Renamed into place: a crash half-way must not leave a file that locks everybody out.
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  }
  chmodSync(file, 0o600);
  return secrets;
}

function readKept(file: string): Partial<Record<Name, string>> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
  const parsed = parse(text, file);
  const kept: Partial<Record<Name, string>> = {};
  for (const name of NAMES) {
    const value = parsed[name];
    if (typeof value === "string" && value.length > 0) kept[name] = value;
  }
  return kept;
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Said below, with the file's name.
  }
  throw new UsageError(`${file} is damaged; restore it, or remove it to get new keys (every token becomes invalid)`);
}
