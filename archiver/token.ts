// The tokens between archiver and edge: HS256 of ARCHIVE_SECRET, one audience each way, at most 60 s.
import { jwtVerify, SignJWT } from "jose";
import { ARCHIVE_SCOPE, ARCHIVER_AUDIENCE, EDGE_AUDIENCE } from "../protocol/archive.ts";
import { CLOCK_TOLERANCE_S } from "../protocol/limits.ts";

const LIFE_S = 60;

/** For calls to the edge. */
export function signForEdge(secret: Uint8Array): Promise<string> {
  return new SignJWT({ scope: ARCHIVE_SCOPE })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject("archiver")
    .setAudience(EDGE_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(`${LIFE_S}s`)
    .sign(secret);
}

/** Whether an `Authorization` header holds the edge's token for a call to this archiver. */
export async function isFromEdge(authorization: string | undefined, secret: Uint8Array): Promise<boolean> {
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return false;
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ["HS256"],
      audience: ARCHIVER_AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_S,
      maxTokenAge: LIFE_S,
      requiredClaims: ["exp", "iat", "aud", "scope"],
    });
    return payload["scope"] === ARCHIVE_SCOPE && (payload.exp as number) - (payload.iat as number) <= LIFE_S;
  } catch {
    // Whatever is wrong with a token, its bearer learns only that it was refused.
    return false;
  }
}
