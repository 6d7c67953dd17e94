import { describe, expect, test } from "vitest";
import { attemptAfter, decideBackoff, RECONNECT } from "../../domain/backoff.ts";
import { connect } from "../../client/client.ts";
import { Simulation, type SimulatedSocket } from "./simulation.ts";

const HELLO = {
  type: "hello", user_id: "ann", device_id: "d", heartbeat: { interval_ms: 10_000, ttl_ms: 30_000 }, user_seq: 0, server_time: 1_750_000_000_000,
  limits: { content_bytes: 65_536, frame_bytes: 131_072, page: 100, frames_per_array: 1_000 },
};

describe("the pure decision", () => {
  test("[D6] ceilings double from the base and stop at the cap", () => {
    const almost = 1 - Number.EPSILON;
    expect([0, 1, 2, 3, 4, 100, 5_000].map((attempt) => decideBackoff(attempt, almost))).toEqual([3_999, 7_999, 15_999, 29_999, 29_999, 29_999, 29_999]);
    expect(decideBackoff(7, 0)).toBe(0);
  });

  test("[D6] only a connection that was stable begins a new series", () => {
    expect(attemptAfter(5, 0)).toBe(5);
    expect(attemptAfter(5, RECONNECT.stable_ms - 1)).toBe(5);
    expect(attemptAfter(5, RECONNECT.stable_ms)).toBe(0);
  });
});

describe("1,000 simulated clients", () => {
  const CLIENTS = 1_000;

  /** Every client is connected for `open_ms`; then all sockets break at once. */
  async function cutOff(open_ms: number): Promise<{ clients: ReturnType<typeof connect>[]; simulation: Simulation; next: () => SimulatedSocket[] }> {
    const simulation = new Simulation(20_261_122);
    const clients = Array.from({ length: CLIENTS }, () => connect({ url: "http://chat.test", token: "t", environment: simulation, times: { handshake_ms: 10 * RECONNECT.cap_ms } }));
    await simulation.advance(0);
    let taken = 0;
    const next = (): SimulatedSocket[] => simulation.sockets.slice(taken, (taken = simulation.sockets.length));
    const first = next();
    expect(first.length).toBe(CLIENTS);
    for (const socket of first) socket.open(HELLO);
    const pongs = setPongs(first);
    await simulation.advance(open_ms);
    pongs.stop();
    for (const socket of first) socket.end();
    return { clients, simulation, next };
  }

  /** The server's side of keeping sockets alive. */
  function setPongs(sockets: SimulatedSocket[]): { stop: () => void } {
    for (const socket of sockets) {
      socket.send = (text: string) => {
        socket.sent.push(text);
        if (text === "ping") queueMicrotask(() => socket.message("pong"));
      };
    }
    return { stop: () => sockets.forEach((socket) => (socket.send = (text: string) => void socket.sent.push(text))) };
  }

  function largestShare(times: number[]): number {
    const buckets = Map.groupBy(times, (time) => Math.floor(time / 100));
    return Math.max(...[...buckets.values()].map((bucket) => bucket.length)) / times.length;
  }

  test("[D6] come back spread out: no 100 ms holds more than 5 % of them", async () => {
    const { clients, simulation, next } = await cutOff(RECONNECT.stable_ms);
    const delays = clients.map((client) => client.reconnects.at(-1)?.delay_ms ?? -1);
    expect(largestShare(delays)).toBeLessThanOrEqual(0.05);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(RECONNECT.base_ms);
    await simulation.advance(RECONNECT.base_ms);
    expect(next().length).toBe(CLIENTS);
    clients.forEach((client) => client.close());
  });

  test("[D6] stay below the cap over ten failures, and the series begins anew after a stable time", async () => {
    const { clients, simulation, next } = await cutOff(RECONNECT.stable_ms);
    for (let failure = 0; failure < 10; failure++) {
      await simulation.advance(RECONNECT.cap_ms);
      for (const socket of next()) socket.end();
    }
    const planned = clients.map((client) => client.reconnects);
    expect(planned.every((reconnects) => reconnects.every(({ delay_ms }) => delay_ms < RECONNECT.cap_ms))).toBe(true);
    const last = planned.map((reconnects) => reconnects.at(-1) as { attempt: number; delay_ms: number });
    expect(Math.min(...last.map(({ attempt }) => attempt))).toBe(10);
    expect(largestShare(last.map(({ delay_ms }) => delay_ms))).toBeLessThanOrEqual(0.05);

    await simulation.advance(RECONNECT.cap_ms);
    const again = next();
    for (const socket of again) socket.open(HELLO);
    setPongs(again);
    await simulation.advance(RECONNECT.stable_ms);
    for (const socket of again) socket.end();
    expect(clients.every((client) => client.reconnects.at(-1)?.attempt === 0)).toBe(true);
    clients.forEach((client) => client.close());
  });
});
