// What the operator's commands for media are told: the store of files as the edge knows it, and how long it keeps what.
import * as v from "valibot";
import { MEDIA_RETENTION_DAYS } from "../../protocol/media.ts";
import type { Kept } from "./rules.ts";

export interface MediaStoreConfig {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** Where the edge answers the commands, and with what they sign. */
export interface EdgeConfig {
  edgeUrl: string;
  secret: Uint8Array;
}

/** Thrown with every problem, a line each, that starts with the variable's name. */
export class EnvironmentError extends Error {}

const Text = v.pipe(v.string("is missing"), v.minLength(1, "is missing"));
const Days = (min: number) => v.pipe(Text, v.regex(/^\d{1,5}$/, "must be a whole number of days"), v.transform(Number), v.minValue(min, `must be at least ${min}`));
const Url = v.pipe(Text, v.check((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), "must be an http or https URL"), v.transform((text) => text.replace(/\/+$/, "")));

const Store = v.object({
  MEDIA_ENDPOINT: Url,
  MEDIA_REGION: v.optional(Text, "auto"),
  MEDIA_BUCKET: Text,
  MEDIA_ACCESS_KEY_ID: Text,
  MEDIA_SECRET_ACCESS_KEY: Text,
});

const Times = v.pipe(
  v.object({
    MEDIA_COLD_DAYS: v.optional(Days(0), "90"),
    MEDIA_RETENTION_DAYS: v.optional(Days(1), String(MEDIA_RETENTION_DAYS)),
    MEDIA_COLD_CLASS: v.optional(v.pipe(Text, v.regex(/^[A-Z0-9_]+$/, "must be a storage class, such as STANDARD_IA")), "STANDARD_IA"),
  }),
  v.check(({ MEDIA_COLD_DAYS: cold, MEDIA_RETENTION_DAYS: end }) => cold < end, "MEDIA_COLD_DAYS must be below MEDIA_RETENTION_DAYS; 0: nothing becomes cold"),
);

const Edge = v.object({ EDGE_URL: Url, ARCHIVE_SECRET: v.pipe(Text, v.minBytes(32, "must be at least 32 bytes")) });

type Variables = Readonly<Record<string, string | undefined>>;

/** An empty variable counts as absent. */
function read<S extends v.GenericSchema>(schema: S, variables: Variables): v.InferOutput<S> {
  const parsed = v.safeParse(schema, Object.fromEntries(Object.entries(variables).filter(([, text]) => text !== undefined && text !== "")));
  if (parsed.success) return parsed.output;
  const lines = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? ""} ${issue.message.startsWith("Invalid key") ? "is missing" : issue.message}`.trim());
  throw new EnvironmentError([...new Set(lines)].join("\n"));
}

export function readStore(variables: Variables): MediaStoreConfig {
  const env = read(Store, variables);
  return { endpoint: env.MEDIA_ENDPOINT, region: env.MEDIA_REGION, bucket: env.MEDIA_BUCKET, accessKeyId: env.MEDIA_ACCESS_KEY_ID, secretAccessKey: env.MEDIA_SECRET_ACCESS_KEY };
}

export function readKept(variables: Variables): Kept {
  const env = read(Times, variables);
  return { coldDays: env.MEDIA_COLD_DAYS, coldClass: env.MEDIA_COLD_CLASS, retentionDays: env.MEDIA_RETENTION_DAYS };
}

export function readEdge(variables: Variables): EdgeConfig {
  const env = read(Edge, variables);
  return { edgeUrl: env.EDGE_URL, secret: new TextEncoder().encode(env.ARCHIVE_SECRET) };
}
