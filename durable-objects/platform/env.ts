// What the Worker and the objects are given by the deployment.
import * as v from "valibot";
import { type Jurisdiction, Jurisdiction as JurisdictionSchema, type LocationHint, objectPlace } from "../../protocol/ids.ts";
import type { ConversationCalls, SessionCalls } from "../../protocol/rpc.ts";
import type { BlobCalls } from "../../protocol/rpc/media.ts";
import type { BlobKeepingCalls } from "../../protocol/rpc/media-keeping.ts";
import type { DirectoryCalls, ReportsCalls } from "../../protocol/rpc/users.ts";
import { log } from "../../log/log.ts";
import { MediaBucket } from "../../media/bucket.ts";
import { type MediaEnv, readMediaSettings } from "../../media/settings.ts";

export interface Env extends MediaEnv {
  CONVERSATION: DurableObjectNamespace;
  USER_SESSION: DurableObjectNamespace;
  SETTINGS: DurableObjectNamespace;
  DIRECTORY: DurableObjectNamespace;
  REPORTS: DurableObjectNamespace;
  BLOB: DurableObjectNamespace;
  SEGMENTS?: R2Bucket;
  ASSETS?: Fetcher;
  ENVIRONMENT?: string;
  AUTH_ISSUER?: string;
  AUTH_AUDIENCE?: string;
  AUTH_SECRET?: string;
  AUTH_JWKS_URL?: string;
  DEV_ISSUER?: string;
  ALLOWED_ORIGINS?: string;
  ARCHIVE?: string;
  ARCHIVER_URL?: string;
  ARCHIVE_SECRET?: string;
  JURISDICTION?: string;
}

let jurisdictionsMissing = false;

/** The namespace of a jurisdiction. The local runtime has none: there the wish is stored and returned, and logged once. */
function within(namespace: DurableObjectNamespace, jurisdiction: Jurisdiction | null): DurableObjectNamespace {
  if (jurisdiction === null || jurisdictionsMissing) return namespace;
  try {
    return namespace.jurisdiction(jurisdiction);
  } catch (error) {
    jurisdictionsMissing = true;
    log("warn", "jurisdictions_unsupported", { jurisdiction, error: String(error) });
    return namespace;
  }
}

/** Where objects are kept that don't say so themselves; null for anywhere. */
export function deploymentJurisdiction(env: Env): Jurisdiction | null {
  if (env.JURISDICTION === undefined || env.JURISDICTION === "") return null;
  return v.parse(JurisdictionSchema, env.JURISDICTION);
}

// The platform's own stub types distribute over unions and lose them; the interfaces of protocol/rpc say what a call gives.
export function conversationOf(env: Env, conversationId: string, hint: LocationHint | null = null): ConversationCalls {
  const place = objectPlace("conversation", conversationId, deploymentJurisdiction(env));
  const stub: unknown = within(env.CONVERSATION, place.jurisdiction).getByName(place.name, hint === null ? {} : { locationHint: hint });
  return stub as ConversationCalls;
}

export function sessionOf(env: Env, userId: string): SessionCalls & Pick<Fetcher, "fetch"> {
  const place = objectPlace("user", userId, deploymentJurisdiction(env));
  const stub: unknown = within(env.USER_SESSION, place.jurisdiction).getByName(place.name);
  return stub as SessionCalls & Pick<Fetcher, "fetch">;
}

/** @param shard by `handleShard` or `wordShard` */
export function directoryOf(env: Env, shard: string): DirectoryCalls {
  const place = objectPlace("directory", shard, deploymentJurisdiction(env));
  const stub: unknown = within(env.DIRECTORY, place.jurisdiction).getByName(place.name);
  return stub as DirectoryCalls;
}

/** The deployment's one queue of reports. */
export function reportsOf(env: Env): ReportsCalls {
  const place = objectPlace("reports", "reports", deploymentJurisdiction(env));
  const stub: unknown = within(env.REPORTS, place.jurisdiction).getByName(place.name);
  return stub as ReportsCalls;
}

/** Of a content, by the key that messages have. */
export function blobOf(env: Env, key: string): BlobCalls & BlobKeepingCalls {
  const place = objectPlace("blob", key, deploymentJurisdiction(env));
  const stub: unknown = within(env.BLOB, place.jurisdiction).getByName(place.name);
  return stub as BlobCalls & BlobKeepingCalls;
}

/** Without an archive nothing is sealed. */
export function archiveOn(env: Env): boolean {
  return env.ARCHIVE === "on" && env.SEGMENTS !== undefined;
}

const mediaBuckets = new WeakMap<Env, MediaBucket | null>();

/** The store of files; null: the deployment has none. Throws, naming variables, where it is set up in part. */
export function mediaOf(env: Env): MediaBucket | null {
  const known = mediaBuckets.get(env);
  if (known !== undefined) return known;
  const settings = readMediaSettings(env);
  const bucket = settings === null ? null : new MediaBucket(settings);
  // The key that signs a day's requests is derived once, not for each.
  mediaBuckets.set(env, bucket);
  return bucket;
}
