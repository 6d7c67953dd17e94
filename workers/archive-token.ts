// Short-lived tokens between the edge and the archiver, signed with ARCHIVE_SECRET.
import * as jose from "jose";
import { ARCHIVE_SCOPE, ARCHIVER_AUDIENCE, EDGE_AUDIENCE } from "../protocol/archive.ts";
import { ChatError } from "../protocol/errors.ts";
import { CLOCK_TOLERANCE_S } from "../protocol/limits.ts";

const LIFE_S = 60;

function keyOf(secret: string | undefined): Uint8Array {
  if (secret === undefined || secret.length < 32) throw new Error("an ARCHIVE_SECRET of 32 characters must be set");
  return new TextEncoder().encode(secret);
}

/** For one call to the archiver's read API. */
export async function signArchiveToken(secret: string | undefined): Promise<string> {
  return new jose.SignJWT({ scope: ARCHIVE_SCOPE })
    .setProtectedHeader({ alg: "HS256" }).setIssuedAt().setAudience(ARCHIVER_AUDIENCE).setExpirationTime(`${LIFE_S}s`)
    .sign(keyOf(secret));
}

/** Throws `unauthorized` unless the archiver signed it within the last minute. */
export async function checkArchiveToken(secret: string | undefined, token: string): Promise<void> {
  const key = keyOf(secret);
  try {
    const { payload } = await jose.jwtVerify(token, key, {
      algorithms: ["HS256"], audience: EDGE_AUDIENCE, requiredClaims: ["iat", "exp"], maxTokenAge: LIFE_S, clockTolerance: CLOCK_TOLERANCE_S,
    });
    if (payload["scope"] === ARCHIVE_SCOPE) return;
  } catch (error) {
    if (!(error instanceof jose.errors.JOSEError)) throw error;
  }
  throw new ChatError("unauthorized");
}
