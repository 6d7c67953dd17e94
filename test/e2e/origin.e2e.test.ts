// Browsers: which origins may call, and what a production deployment refuses.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StartEnded, startProduct, type Product } from "../product.ts";
import { codeOf, newUser, request, type User } from "./api.ts";
import { RawSocket, refusedUpgrade } from "./raw-socket.ts";
import { AUTH_ENV, claims, sign } from "./tokens.ts";

const LISTED = "https://chat.example.com";

describe("origins", () => {
  let product: Product;
  let ann: User;
  beforeAll(async () => {
    product = await startProduct({ doors: 2, env: { ALLOWED_ORIGINS: `${LISTED}, https://other.example.com:8443`, CONFAB_RATE_LIMIT: "0" } });
    ann = await newUser(product, "ann");
  });
  afterAll(() => product.discard());

  test("the same origin, a listed one, and none at all may call and connect", async () => {
    for (const origin of [product.url, LISTED, "https://other.example.com:8443", null]) {
      const headers: Record<string, string> = origin === null ? {} : { origin };
      const answer = await ann.raw("GET", "/v1/conversations", { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      const socket = await ann.socket({ headers });
      expect(socket.hello.type).toBe("hello");
      socket.cut();
    }
  });

  test("the same origin is each front door's own", async () => {
    const [first, second] = product.ports.map((port) => `127.0.0.1:${port}`);
    const origin = `http://${second}`;
    expect((await ann.raw("GET", "/v1/conversations", { headers: { origin } })).status).toBe(403);
    expect((await request(`${origin}/v1/conversations`, "GET", { headers: { origin, authorization: `Bearer ${ann.token}` } })).status).toBe(200);
    (await RawSocket.open(`ws://${second}`, { token: ann.token, headers: { origin } })).cut();
    expect(await refusedUpgrade(`ws://${second}`, { token: ann.token, headers: { origin: `http://${first}` } })).toEqual({ status: 403, code: "origin_refused" });
  });

  test.each([
    "https://evil.example.com", "http://chat.example.com", "https://chat.example.com:8443", "https://chat.example.com.evil.com",
    "https://evilchat.example.com", "https://chat.example.com/", "https://other.example.com", "HTTPS://CHAT.EXAMPLE.COM", "null", "*",
    "https://chat.example.com, https://other.example.com:8443", "http://localhost", "http://127.0.0.1", "file://",
  ])("%j gets 403 for REST and before the upgrade", async (origin) => {
    for (const [method, path] of [["GET", "/v1/conversations"], ["POST", "/v1/messages"], ["OPTIONS", "/v1/conversations"], ["POST", "/dev/token"], ["GET", "/v1/health"]] as const) {
      const answer = await ann.raw(method, path, { headers: { origin } });
      expect(codeOf(answer)).toBe("403 origin_refused");
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
    expect(await refusedUpgrade(product.wsUrl, { token: ann.token, headers: { origin } })).toEqual({ status: 403, code: "origin_refused" });
  });

  test("a listed origin can read errors and asks before it sends a token", async () => {
    const refused = await request(`${product.url}/v1/conversations`, "GET", { headers: { origin: LISTED } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, LISTED]);
    const preflight = await request(`${product.url}/v1/messages`, "OPTIONS", {
      headers: { origin: LISTED, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(LISTED);
    expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
    expect(preflight.headers.get("vary")?.toLowerCase()).toContain("origin");
  });
});

describe("[D3] ENVIRONMENT=production", () => {
  test("plain http and ws are refused, with a good token too, and there is no development issuer", async () => {
    const product = await startProduct({ env: { ...AUTH_ENV, ENVIRONMENT: "production" } });
    try {
      const token = await sign(claims("ann"));
      const headers = { authorization: `Bearer ${token}` };
      for (const [method, path] of [["GET", "/v1/conversations"], ["POST", "/v1/messages"], ["POST", "/dev/token"], ["GET", "/v1/admin/settings"], ["POST", "/internal/archive/ack"]] as const) {
        expect(codeOf(await request(product.url + path, method, { headers }))).toBe("403 https_required");
      }
      expect(await refusedUpgrade(product.wsUrl, { token })).toEqual({ status: 403, code: "https_required" });
      // What a proxy with TLS in front of it says; `npm start` listens on 127.0.0.1 only.
      const secure = { ...headers, "x-forwarded-proto": "https" };
      expect((await request(`${product.url}/v1/conversations`, "GET", { headers: secure })).status).toBe(200);
      expect(codeOf(await request(`${product.url}/dev/token`, "POST", { headers: secure, body: '{"user_id":"eve"}' }))).toBe("404 not_found");
    } finally {
      await product.discard();
    }
  });

  test("a start with the development issuer is refused in one line", async () => {
    const started = await startProduct({ env: { ...AUTH_ENV, ENVIRONMENT: "production", DEV_ISSUER: "1" } }).catch((error: unknown) => error);
    if (!(started instanceof StartEnded)) throw new Error("it started");
    expect(started.output).toMatch(/^confab: DEV_ISSUER .*production.*$/);
    expect(started.code).toBe(1);
  });
});
