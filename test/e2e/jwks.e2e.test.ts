// An issuer with public keys: which keys and algorithms count, rotation while everything runs, and an issuer that is down.
import * as jose from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { codeOf, until, User } from "./api.ts";
import { Issuer, newKey, signWith, type Key } from "./issuer.ts";
import { refusedUpgrade } from "./raw-socket.ts";
import { AUDIENCE, claims, forge, SECRET, sign } from "./tokens.ts";

let issuer: Issuer;
let product: Product;
let rsa: Key;
let ec: Key;
let ed: Key;

beforeAll(async () => {
  issuer = await Issuer.start();
  [rsa, ec, ed] = await Promise.all([newKey("rsa-1", "RS256"), newKey("ec-1", "ES256"), newKey("ed-1", "EdDSA")]);
  await issuer.publish(rsa, ec, ed);
  product = await startProduct({
    env: { AUTH_ISSUER: issuer.url, AUTH_AUDIENCE: AUDIENCE, AUTH_JWKS_URL: issuer.jwksUrl, AUTH_SECRET: SECRET, CONFAB_RATE_LIMIT: "0" },
  });
});

afterAll(async () => {
  await product.discard();
  await issuer.stop();
});

const ann = (changed: object = {}): jose.JWTPayload => claims("ann", { iss: issuer.url, ...changed });

async function outcome(token: string): Promise<string> {
  return codeOf(await new User(product, "ann", token).call("GET", "/v1/conversations"));
}

/** Runs before anything has been fetched from the issuer. */
describe("an issuer out of reach says nothing about a token", () => {
  test.each([
    ["an error", (response) => { response.writeHead(500).end("{}"); }],
    ["a redirect", (response) => { response.writeHead(302, { location: "/jwks.json" }).end(); }],
    ["no JSON", (response) => { response.end("<html>"); }],
    ["no key set", (response) => { response.end('{"error":"maintenance"}'); }],
    ["a cut connection", (response) => { response.destroy(); }],
  ] satisfies [string, NonNullable<Issuer["broken"]>][])("%s: 503, and 200 once it is back", async (_name, broken) => {
    const token = await signWith(rsa, ann());
    issuer.broken = broken;
    expect(await outcome(token)).toBe("503 unavailable");
    expect(await refusedUpgrade(product.wsUrl, { token })).toEqual({ status: 503, code: "unavailable" });
    issuer.broken = null;
  });

  test("[C12] the issuer is down: issuer_failures, and tokens are checked again when it is back", async () => {
    issuer.broken = (response) => response.writeHead(500).end("{}");
    expect(await outcome(await signWith(rsa, ann()))).toBe("503 unavailable");
    issuer.broken = null;
    const service = new User(product, "operator", await signWith(rsa, claims("operator", { iss: issuer.url, scope: "service" })));
    const answer = await until(() => service.call<Record<string, number>>("GET", "/v1/admin/metrics"), ({ status }) => status === 200);
    expect(answer.body["issuer_failures"]).toBeGreaterThanOrEqual(1);
  });
});

describe("[D3] the issuer's keys", () => {
  test("each published key gets in, over REST and a socket, and is fetched once", async () => {
    const before = issuer.requests;
    for (const key of [rsa, ec, ed]) {
      const user = new User(product, "ann", await signWith(key, ann()));
      expect((await user.call("GET", "/v1/conversations")).status).toBe(200);
      const socket = await user.socket();
      expect(socket.hello["user_id"]).toBe("ann");
      socket.cut();
    }
    expect(issuer.requests - before).toBeLessThanOrEqual(1);
  });

  test("HS/RS confusion: the public key is no secret", async () => {
    const spki = await jose.exportSPKI(rsa.publicKey);
    const der = Buffer.from(spki.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const jwk = JSON.stringify(await jose.exportJWK(rsa.publicKey));
    for (const secret of [spki, spki.trim(), der, jwk]) {
      for (const kid of [{ kid: rsa.kid }, {}]) expect(await outcome(forge({ alg: "HS256", typ: "JWT", ...kid }, ann(), secret))).toBe("401 unauthorized");
    }
  });

  test("neither the shared secret nor alg none gets in where keys are published", async () => {
    expect(await outcome(await sign(ann()))).toBe("401 unauthorized");
    expect(await outcome(forge({ alg: "none", kid: rsa.kid }, ann(), null))).toBe("401 unauthorized");
    expect(await outcome(await product.token("ann"))).toBe("401 unauthorized");
  });

  test("unknown kid, another's kid, no kid among several, and a key the token brings itself", async () => {
    const stranger = await newKey("stranger", "RS256");
    const tokens = [
      await signWith(stranger, ann()), await signWith(stranger, ann(), { kid: rsa.kid }), await signWith(rsa, ann(), { kid: ec.kid }),
      await signWith(stranger, ann(), { kid: rsa.kid, jwk: await jose.exportJWK(stranger.publicKey) }),
      await signWith(stranger, ann(), { jku: issuer.jwksUrl }), await signWith(rsa, ann(), { alg: "RS512" }).catch(() => "x"),
    ];
    for (const token of tokens) expect(await outcome(token)).toBe("401 unauthorized");
  });

  test("wrong issuer and audience, good signature", async () => {
    expect(await outcome(await signWith(rsa, ann({ iss: `${issuer.url}/` })))).toBe("401 unauthorized");
    expect(await outcome(await signWith(rsa, ann({ aud: "another-app" })))).toBe("401 unauthorized");
  });
});

test("[D3] keys rotate without a restart: the new one gets in within seconds, the old one no more", async () => {
  const [oldToken, next] = [await signWith(rsa, ann()), await newKey("rsa-2", "RS256")];
  const newToken = await signWith(next, ann());
  expect(await outcome(oldToken)).not.toMatch(/^401/);
  await issuer.publish(next);
  const socket = await new User(product, "ann", oldToken).socket();
  await until(() => outcome(newToken), (result) => !result.startsWith("401"));
  expect((await new User(product, "ann", newToken).call("GET", "/v1/conversations")).status).toBe(200);
  expect(await outcome(oldToken)).toBe("401 unauthorized");
  expect(await socket.refused(JSON.stringify({ type: "auth_refresh", token: oldToken }))).toMatchObject({ code: "unauthorized" });
  socket.send({ type: "auth_refresh", token: newToken });
  expect(await socket.ask({ type: "msg", to: "ann", content: "x", client_msg_id: "after-rotation" })).toMatchObject({ type: "ack" });
  socket.cut();
});
