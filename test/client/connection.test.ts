import { afterEach, describe, expect, test, vi } from "vitest";
import { connect, ConfabError, type ConfabClient, type ConnectOptions } from "../../client/client.ts";
import type { ConnectionState } from "../../client/connection-state.ts";
import { FakeServer, fakeToken } from "./fake-server.ts";

const FAST = { base_ms: 40, cap_ms: 200, stable_ms: 60_000 };
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function server(): Promise<FakeServer> {
  const started = await new FakeServer().start();
  open.push({ close: () => started.stop() });
  return started;
}

function client(options: Partial<ConnectOptions> & { url: string | string[] }): { chat: ConfabClient; states: ConnectionState[] } {
  const chat = connect({ token: fakeToken("ann"), backoff: FAST, ...options });
  open.push(chat);
  const states: ConnectionState[] = [];
  chat.on("state", (state) => states.push(state));
  return { chat, states };
}


async function become(chat: ConfabClient, kind: ConnectionState["kind"]): Promise<void> {
  await vi.waitFor(() => expect(chat.state.kind).toBe(kind), { timeout: 5_000, interval: 5 });
}

describe("coming back", () => {
  test("[A24] a server that dies and returns: reconnects by itself, with recorded delays", async () => {
    const fake = await server();
    const { chat, states } = client({ url: fake.url });
    await become(chat, "open");
    await fake.stop();
    await become(chat, "waiting");
    await vi.waitFor(() => expect(chat.reconnects.length).toBeGreaterThanOrEqual(3), { timeout: 5_000 });
    await fake.start();
    await become(chat, "open");
    const delays = states.flatMap((state) => (state.kind === "waiting" ? [state.delay_ms] : []));
    expect(chat.reconnects.map(({ delay_ms }) => delay_ms)).toEqual(delays);
    expect(chat.reconnects.map(({ attempt }) => attempt)).toEqual(delays.map((_, i) => i));
  });

  test("[A26] several front doors: the next one is tried when one does not open", async () => {
    const [first, second] = [await server(), await server()];
    const { chat } = client({ url: [first.url, second.url] });
    await become(chat, "open");
    expect(first.open).toBe(1);
    await first.stop();
    await vi.waitFor(() => expect(second.open).toBe(1), { timeout: 5_000 });
    await become(chat, "open");
  });

  test("a half-open socket is found dead by its missing pong", async () => {
    const fake = await server();
    const { chat, states } = client({ url: fake.url, times: { pong_ms: 50 } });
    await become(chat, "open");
    fake.pongs = false;
    await become(chat, "waiting");
    expect(states.at(-1)).toMatchObject({ kind: "waiting", cause: { code: "network", message: "no pong" } });
  });

  test("pongs keep a quiet socket open", async () => {
    const fake = await server();
    const { chat } = client({ url: fake.url, times: { pong_ms: 2_000 } });
    await become(chat, "open");
    await vi.waitFor(() => expect(fake.pings).toBeGreaterThan(4), { timeout: 5_000 });
    expect(chat.state.kind).toBe("open");
    expect(fake.upgrades).toBe(1);
  });

  test("going_away: the server's wish comes before any jitter", async () => {
    const fake = await server();
    const { chat } = client({ url: fake.url });
    await become(chat, "open");
    fake.push("ann", { type: "going_away", retry_after_ms: 300 } as { type: string });
    fake.closeAll(4012);
    await become(chat, "waiting");
    expect(chat.reconnects.at(-1)?.delay_ms).toBeGreaterThanOrEqual(300);
  });

  test("wake ends a wait at once", async () => {
    const fake = await server();
    const { chat } = client({ url: fake.url, backoff: { base_ms: 1_000_000, cap_ms: 1_000_000, stable_ms: 1 } });
    await become(chat, "open");
    fake.cut();
    await become(chat, "waiting");
    chat.wake();
    await become(chat, "open");
  });

  test("close is for good", async () => {
    const fake = await server();
    const { chat } = client({ url: fake.url });
    await become(chat, "open");
    chat.close();
    chat.reconnect();
    await vi.waitFor(() => expect(fake.open).toBe(0));
    expect(chat.state.kind).toBe("closed");
    expect(chat.send({ to: "bob" }, "late").error?.code).toBe("closed");
  });
});

describe("tokens", () => {
  test("[D3] the token goes as a subprotocol, never into the address", async () => {
    const fake = await server();
    const token = fakeToken("ann");
    const { chat } = client({ url: fake.url, token });
    await become(chat, "open");
    expect(fake.tokens).toEqual([token]);
    expect(fake.requests.join()).not.toContain(token);
  });

  test("a refused upgrade: a new token is asked for before the next try", async () => {
    const fake = await server();
    const [old, fresh] = [fakeToken("ann", 3_600, 1), fakeToken("ann", 3_600, 2)];
    fake.onUpgrade = (token) => (token === old ? "token_expired" : null);
    fake.onRequest = () => (fake.tokens.includes(fresh) ? null : "token_expired");
    const provider = vi.fn(async (why: string) => (why === "start" ? old : fresh));
    const { chat } = client({ url: fake.url, token: provider });
    await become(chat, "open");
    expect(provider.mock.calls.map(([why]) => why)).toContain("refused");
    expect(fake.tokens).toEqual([fresh]);
  });

  test("4001: a new token first", async () => {
    const fake = await server();
    let serial = 0;
    const provider = vi.fn(async () => fakeToken("ann", 3_600, serial++));
    const { chat } = client({ url: fake.url, token: provider });
    await become(chat, "open");
    fake.closeAll(4001);
    await vi.waitFor(() => expect(fake.tokens.length).toBe(2), { timeout: 5_000 });
    expect(fake.tokens[0]).not.toBe(fake.tokens[1]);
    expect(provider.mock.calls).toEqual([["start"], ["refused"]]);
  });

  test("a token that ends soon is replaced on the open socket", async () => {
    const fake = await server();
    let serial = 0;
    const { chat } = client({ url: fake.url, token: async () => fakeToken("ann", 2, serial++) });
    await become(chat, "open");
    const refreshed = () => fake.texts.flat().find((frame) => frame.type === "auth_refresh");
    await vi.waitFor(() => expect(refreshed()).toBeDefined(), { timeout: 5_000 });
    expect(refreshed()?.["token"]).not.toBe(fake.tokens[0]);
    expect(fake.upgrades).toBe(1);
  });

  test("tokens that are refused again and again, an origin that is not allowed, another protocol: the client gives up and says why", async () => {
    for (const refusal of ["unauthorized", "origin_refused"] as const) {
      const fake = await server();
      fake.onUpgrade = () => refusal;
      fake.onRequest = () => refusal;
      const { chat } = client({ url: fake.url, token: async () => fakeToken("ann") });
      await become(chat, "refused");
      expect(chat.state).toMatchObject({ error: { code: refusal } });
    }
    const fake = await server();
    const { chat } = client({ url: fake.url });
    await become(chat, "open");
    fake.closeAll(4010);
    await become(chat, "refused");
    chat.reconnect();
    await become(chat, "open");
  });

  test("a fixed token that was refused, and a provider that says no, end it; one that only fails is asked again", async () => {
    const fake = await server();
    fake.onUpgrade = () => "unauthorized";
    fake.onRequest = () => "unauthorized";
    const fixed = client({ url: fake.url });
    await become(fixed.chat, "refused");
    const no = client({ url: fake.url, token: () => Promise.reject(new ConfabError("forbidden", "no account")) });
    await become(no.chat, "refused");
    fake.onUpgrade = () => null;
    fake.onRequest = () => null;
    let calls = 0;
    const flaky = client({ url: fake.url, token: async () => (++calls < 3 ? Promise.reject(new TypeError("fetch failed")) : fakeToken("ann")) });
    await become(flaky.chat, "open");
  });

  test("a token of another user than the stored messages' is refused here", async () => {
    const fake = await server();
    const { chat } = client({ url: fake.url, user_id: "ann", token: fakeToken("bob") });
    chat.send({ to: "eve" }, "ann's words");
    await become(chat, "refused");
    expect(fake.texts).toEqual([]);
  });
});
