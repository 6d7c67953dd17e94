// Who gets in: tokens at every entrance, what a scope opens, and a token's end on a socket that is open.
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as jose from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, request, until, User } from "./api.ts";
import { RawSocket, refusedUpgrade, type Frame } from "./raw-socket.ts";
import { AUDIENCE, AUTH_ENV, claims, forge, SECRET, seconds, sign } from "./tokens.ts";

const TOLERANCE_S = 30;
const used = new Set<string>();
let product: Product;
let ann: User;
let archiveSecret: string;
let rsa: jose.GenerateKeyPairResult;

beforeAll(async () => {
  product = await startProduct({ env: { ...AUTH_ENV, CONFAB_RATE_LIMIT: "0" } });
  archiveSecret = (JSON.parse(readFileSync(path.join(product.dataDir, "secrets.json"), "utf8")) as { ARCHIVE_SECRET: string }).ARCHIVE_SECRET;
  ann = await newUser(product, "ann");
  used.add(ann.token);
  rsa = await jose.generateKeyPair("RS256", { extractable: true });
});

afterAll(() => product.discard());

/** Bad tokens for ann, each made when its test runs. `expired`: that is all that is wrong with it. */
const BAD: readonly (readonly [string, () => Promise<string> | string, "token_expired" | "unauthorized"])[] = [
  ["expired, beyond the tolerance", () => sign(claims(ann.name, { iat: seconds(-600), exp: seconds(-TOLERANCE_S - 2) })), "token_expired"],
  ["issued over an hour ago", () => sign(claims(ann.name, { iat: seconds(-3_700), exp: seconds(60) })), "token_expired"],
  ["not valid yet (nbf)", () => sign(claims(ann.name, { nbf: seconds(120) })), "unauthorized"],
  ["issued in the future", () => sign(claims(ann.name, { iat: seconds(120) })), "unauthorized"],
  ["wrong audience", () => sign(claims(ann.name, { aud: "confab-edge" })), "unauthorized"],
  ["no audience", () => sign(claims(ann.name, { aud: undefined })), "unauthorized"],
  ["wrong issuer", () => sign(claims(ann.name, { iss: "https://issuer.test/" })), "unauthorized"],
  ["no issuer", () => sign(claims(ann.name, { iss: undefined })), "unauthorized"],
  ["missing sub", () => sign(claims(ann.name, { sub: undefined })), "unauthorized"],
  ["missing iat", () => sign(claims(ann.name, { iat: undefined })), "unauthorized"],
  ["missing exp", () => sign(claims(ann.name, { exp: undefined })), "unauthorized"],
  ["exp as text", () => sign({ ...claims(ann.name), exp: String(seconds(600)) } as unknown as jose.JWTPayload), "unauthorized"],
  ["empty sub", () => sign(claims("")), "unauthorized"],
  ["a sub that is no user id", () => sign(claims("ann smith")), "unauthorized"],
  ["good for over an hour", () => sign(claims(ann.name, { exp: seconds(3_700) })), "unauthorized"],
  ["another secret", () => sign(claims(ann.name), "some other secret, also 32 bytes!"), "unauthorized"],
  ["the archive's secret", () => sign(claims(ann.name), archiveSecret), "unauthorized"],
  ["the empty secret", () => forge({ alg: "HS256" }, claims(ann.name), ""), "unauthorized"],
  ["alg none", () => forge({ alg: "none" }, claims(ann.name), null), "unauthorized"],
  ["alg None", () => forge({ alg: "None", typ: "JWT" }, claims(ann.name), null), "unauthorized"],
  ["alg none, signed all the same", () => forge({ alg: "none" }, claims(ann.name), SECRET), "unauthorized"],
  ["alg missing", () => forge({ typ: "JWT" }, claims(ann.name), SECRET), "unauthorized"],
  ["alg HS512 over an HS256 signature", () => forge({ alg: "HS512" }, claims(ann.name), SECRET), "unauthorized"],
  ["RS256", () => new jose.SignJWT(claims(ann.name)).setProtectedHeader({ alg: "RS256" }).sign(rsa.privateKey), "unauthorized"],
  ["its own key in its header", async () => new jose.SignJWT(claims(ann.name))
    .setProtectedHeader({ alg: "RS256", jwk: await jose.exportJWK(rsa.publicKey) }).sign(rsa.privateKey), "unauthorized"],
  ["an unknown crit header", () => forge({ alg: "HS256", crit: ["x"], x: 1 }, claims(ann.name), SECRET), "unauthorized"],
  ["no signature", async () => (await sign(claims(ann.name))).replace(/[^.]+$/, ""), "unauthorized"],
  ["another's payload under a good signature", async () => {
    const [header, , signature] = (await sign(claims(ann.name))).split(".");
    return [header, Buffer.from(JSON.stringify(claims("bob"))).toString("base64url"), signature].join(".");
  }, "unauthorized"],
  ["a payload that is no JSON", () => `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.bm9wZQ.c2ln`, "unauthorized"],
  ["garbage", () => "garbage", "unauthorized"],
  ["dots", () => "..", "unauthorized"],
  ["10,000 characters", () => "x".repeat(10_000), "unauthorized"],
  ["scope archive", () => sign(claims(ann.name, { scope: "archive" })), "unauthorized"],
  ["scope archive among others", () => sign(claims(ann.name, { scope: "service archive" })), "unauthorized"],
  ["scope as a list", () => sign(claims(ann.name, { scope: ["service"] })), "unauthorized"],
];

describe("[D3] a token is refused by REST and before the upgrade", () => {
  test.each(BAD)("%s", async (_name, make, code) => {
    const token = await make();
    used.add(token);
    expect(codeOf(await new User(product, ann.name, token).call("GET", "/v1/conversations"))).toBe(`401 ${code}`);
    expect(codeOf(await new User(product, ann.name, token).call("POST", "/v1/messages", { to: ann.name, content: "x", client_msg_id: "bad" }))).toBe(`401 ${code}`);
    expect(await refusedUpgrade(product.wsUrl, { token })).toEqual({ status: 401, code });
    expect(await refusedUpgrade(product.wsUrl, { protocols: ["chat.v1.json", `bearer.${token}`] })).toEqual({ status: 401, code });
  });

  test("none at all, another scheme, or one in the URL", async () => {
    for (const url of ["/v1/conversations", `/v1/conversations?token=${ann.token}`, `/v1/conversations?access_token=${ann.token}`]) {
      expect(codeOf(await request(product.url + url, "GET"))).toBe("401 unauthorized");
    }
    expect(codeOf(await request(`${product.url}/v1/conversations`, "GET", { headers: { authorization: `Basic ${ann.token}` } }))).toBe("401 unauthorized");
    expect(codeOf(await request(`${product.url}/v1/conversations`, "GET", { headers: { cookie: `token=${ann.token}` } }))).toBe("401 unauthorized");
    for (const path of ["/v1/ws", `/v1/ws?token=${ann.token}`, `/v1/ws?access_token=${ann.token}&device_id=d`]) {
      expect(await refusedUpgrade(product.wsUrl, { path })).toEqual({ status: 401, code: "unauthorized" });
    }
  });

  test("30 s of tolerance: just expired, and clocks that are a little ahead, get in", async () => {
    const late = [{ iat: seconds(-600), exp: seconds(-TOLERANCE_S + 10) }, { iat: seconds(20) }, { nbf: seconds(20) }];
    for (const changed of late) {
      const user = new User(product, ann.name, await sign(claims(ann.name, changed)));
      expect((await user.call("GET", "/v1/conversations")).status).toBe(200);
      (await user.socket()).cut();
    }
  });

  test("an audience among several, and the hour itself, get in", async () => {
    for (const changed of [{ aud: ["other", AUDIENCE] }, { exp: seconds(3_600) }, { scope: "read write" }, { scope: "" }]) {
      const user = new User(product, ann.name, await sign(claims(ann.name, changed)));
      expect((await user.call("GET", "/v1/conversations")).status).toBe(200);
    }
  });
});

describe("a browser's token is a second subprotocol", () => {
  test("only the chat subprotocol is echoed", async () => {
    for (const protocols of [["chat.v1.json", `bearer.${ann.token}`], [`bearer.${ann.token}`, "chat.v1.json"]]) {
      const socket = await RawSocket.open(product.wsUrl, { protocols });
      expect(socket.subprotocol).toBe("chat.v1.json");
      expect(socket.hello["user_id"]).toBe(ann.name);
      socket.cut();
    }
  });

  test("a subprotocol that is not spoken, or a bad device id, is refused before the upgrade", async () => {
    expect(await refusedUpgrade(product.wsUrl, { token: ann.token, protocols: ["chat.v9.json"] })).toMatchObject({ status: 400 });
    expect(await refusedUpgrade(product.wsUrl, { token: ann.token, device_id: "a b" })).toMatchObject({ status: 400 });
    expect(await refusedUpgrade(product.wsUrl, { token: ann.token, device_id: "x".repeat(129) })).toMatchObject({ status: 400 });
  });
});

describe("[D3] scopes open nothing else", () => {
  test("a service is no user: it has no inbox, sends nothing and gets no socket", async () => {
    const service = await operator(product);
    const group = await ann.group([]);
    const calls = [
      service.call("GET", "/v1/conversations"),
      service.call("POST", "/v1/conversations", { kind: "group", title: "T" }),
      service.call("POST", "/v1/messages", { to: ann.name, content: "x", client_msg_id: randomUUID() }),
      service.call("GET", `/v1/history/${group.conversation_id}`),
      service.call("GET", `/v1/conversations/${group.conversation_id}`),
      service.call("PATCH", `/v1/conversations/${group.conversation_id}`, { title: "T" }),
    ];
    for (const answer of await Promise.all(calls)) expect(codeOf(answer)).toBe("403 forbidden");
    expect(await refusedUpgrade(product.wsUrl, { token: service.token })).toEqual({ status: 403, code: "forbidden" });
  });

  test("a user is no service", async () => {
    for (const path of ["/v1/admin/settings", "/v1/admin/metrics", "/v1/admin/nothing"]) {
      expect(codeOf(await ann.call("GET", path))).toBe("403 forbidden");
      expect(codeOf(await request(product.url + path, "GET"))).toBe("401 unauthorized");
    }
    expect(codeOf(await ann.call("PATCH", "/v1/admin/settings", { rate_burst: 1 }))).toBe("403 forbidden");
    expect(codeOf(await ann.call("PUT", "/v1/admin/users/eve"))).toBe("403 forbidden");
  });

  test("only the archiver's token acknowledges segments, and it opens nothing else", async () => {
    const group = await ann.group([]);
    const ack = { conversation_id: group.conversation_id, epoch: 1, from_seq: 1, to_seq: 1, count: 1, sha256: "0".repeat(64), format: 1 };
    const archive = (changed: object, secret: string = archiveSecret): Promise<string> =>
      sign({ scope: "archive", aud: "confab-edge", iat: seconds(), exp: seconds(60), ...changed }, secret);
    const good = new User(product, "archiver", await archive({}));
    expect(codeOf(await good.call("POST", "/internal/archive/ack", ack))).toBe("409 archive_conflict");
    for (const path of ["/v1/conversations", "/v1/admin/settings"]) expect(codeOf(await good.call("GET", path))).toBe("401 unauthorized");
    expect(await refusedUpgrade(product.wsUrl, { token: good.token })).toMatchObject({ status: 401 });
    const bad = [
      ann.token, (await operator(product)).token, await sign(claims(ann.name, { scope: "archive", aud: "confab-edge" })),
      await archive({}, SECRET), await archive({ scope: "service" }), await archive({ scope: undefined }), await archive({ aud: "confab-archiver" }),
      await archive({ iat: seconds(-120) }), await archive({ exp: seconds(-40) }), await archive({ iat: undefined }), await archive({ exp: undefined }),
    ];
    for (const token of bad) expect(codeOf(await new User(product, "x", token).call("POST", "/internal/archive/ack", ack))).toBe("401 unauthorized");
  });
});

test("archived bodies are read by the edge alone, and segments by nobody without the bucket's keys", async () => {
  const { conversation_id } = await ann.group([]);
  const range = { bucket: "2026-11", first: "01a201c0-d726-7000-8000-000000000000", last: "01a201c0-d726-7000-8000-000000000001" };
  const read = async (token: string | null): Promise<string> => codeOf(await request(`${product.archiverUrl}/v1/archive/read`, "POST", {
    headers: { "content-type": "application/json", ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ conversation_id, ranges: [range] }),
  }));
  const edge = (changed: object, secret: string = archiveSecret): Promise<string> =>
    sign({ scope: "archive", aud: "confab-archiver", iat: seconds(), exp: seconds(60), ...changed }, secret);
  expect(await read(await edge({}))).toBe("200 without a code");
  const bad = [
    null, ann.token, (await operator(product)).token, await sign(claims(ann.name, { scope: "archive", aud: "confab-archiver" })), await edge({}, SECRET),
    await edge({ aud: "confab-edge" }), await edge({ scope: "service" }), await edge({ exp: seconds(-40), iat: seconds(-90) }), await edge({ exp: undefined }),
    forge({ alg: "none" }, { scope: "archive", aud: "confab-archiver", iat: seconds(), exp: seconds(60) }, null),
  ];
  for (const [i, token] of bad.entries()) expect([i, await read(token)]).toEqual([i, "401 unauthorized"]);
  for (const query of ["", "?list-type=2", "/segments/"]) {
    const answer = await fetch(`${product.url}/cdn-cgi/local/r2/s3/confab-segments${query}`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).not.toContain("<Contents>");
  }
});

describe("an open socket and its token", () => {
  test("auth_refresh takes only a good token of the same user, and the socket stays", async () => {
    const bob = await newUser(product, "bob");
    const socket = await ann.socket();
    const tokens = [
      [await sign(claims(bob.name)), "unauthorized"], [await sign(claims(ann.name, { aud: "other" })), "unauthorized"],
      [await sign(claims(ann.name, { scope: "service" })), "unauthorized"], [await sign(claims(ann.name, { iat: seconds(-600), exp: seconds(-40) })), "token_expired"],
      ["garbage", "unauthorized"],
    ] as const;
    for (const [token, code] of tokens) {
      used.add(token);
      expect(await socket.refused(JSON.stringify({ type: "auth_refresh", token }))).toMatchObject({ code });
    }
    expect(await socket.refused(JSON.stringify({ type: "auth_refresh" }))).toMatchObject({ code: "bad_frame" });
    expect(await socket.refused(JSON.stringify({ type: "auth_refresh", token: 1 }))).toMatchObject({ code: "bad_frame" });
    expect(await socket.ask({ type: "msg", to: bob.name, content: "still here", client_msg_id: randomUUID() })).toMatchObject({ type: "ack" });
    socket.cut();
  });

  test("expiry closes with 4001 on the next frame and before the next send; a refreshed socket lives on", async () => {
    const sender = await newUser(product, "sender");
    const until4001 = seconds(-TOLERANCE_S + 2) + TOLERANCE_S;
    const short = async (prefix: string): Promise<User> => {
      const { name } = await newUser(product, prefix);
      return new User(product, name, await sign(claims(name, { iat: seconds(-600), exp: until4001 - TOLERANCE_S })));
    };
    const [talker, listener, renewed] = await Promise.all([short("talker"), short("listener"), short("renewed")]);
    const [talks, listens, renews] = await Promise.all([talker.socket(), listener.socket(), renewed.socket()]);
    // As every client does first. The local runtime leaves the connection of a socket that has never sent a frame open
    // behind its close frame, until the object sleeps.
    listens.send({ type: "resume", cursors: {} });
    renews.send({ type: "auth_refresh", token: await sign(claims(renewed.name)) });

    const ended = Promise.all([talks.closed, listens.closed]);
    let open = true;
    void ended.then(() => { open = false; });
    await until(async () => {
      if (talks.open) talks.send({ type: "msg", to: sender.name, content: "x", client_msg_id: randomUUID() });
      await Promise.all([listener, renewed].map((peer) => sender.send(peer, "y")));
      return open;
    }, (stillOpen) => !stillOpen);

    for (const closed of await ended) expect(closed.code).toBe(4001);
    const times = (socket: RawSocket, type: string): number[] => socket.frames.filter((frame: Frame) => frame.type === type).map((frame) => Number(frame["sent_at"]));
    const latest = Math.max(...times(talks, "ack"), ...times(listens, "msg"));
    expect(latest).toBeLessThanOrEqual(until4001 * 1_000);
    expect(latest).toBeGreaterThan((until4001 - 2) * 1_000);
    expect(times(listens, "msg").length).toBeGreaterThan(2);
    expect(Math.max(...times(renews, "msg"))).toBeGreaterThan(until4001 * 1_000);
    expect(await renews.ask({ type: "msg", to: sender.name, content: "z", client_msg_id: randomUUID() })).toMatchObject({ type: "ack" });
    renews.cut();
  });
});

test("no token and no message stands in any log", async () => {
  const content = `secret words ${randomUUID()}`;
  await ann.send(ann, content);
  expect(codeOf(await ann.call("POST", "/v1/messages", { to: "nobody-here", content, client_msg_id: "log" }))).toBe("404 unknown_user");
  await product.stop();
  const folder = path.join(product.dataDir, "logs");
  const logs = [...readdirSync(folder).map((file) => readFileSync(path.join(folder, file), "utf8")), product.lines.join("\n")].join("\n");
  expect(logs).toContain("socket_opened");
  for (const token of used) {
    const [, payload, signature] = token.split(".");
    for (const part of [payload, signature]) if (part !== undefined && part.length > 20) expect(logs).not.toContain(part);
  }
  expect(logs).not.toMatch(/bearer\.|Bearer |access_token/);
  expect(logs).not.toContain(content);
});
