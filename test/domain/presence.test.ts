// Who is there, decided from signs.
import { expect, test } from "vitest";
import { decideRoom, decideStatus, freshUntil, isFresh, lastSeen, type Sign } from "../../domain/presence.ts";

const HOUR_S = 3_600;
const sign = (more: Partial<Sign> = {}): Sign => ({ device_id: "phone", exp: HOUR_S, profile: "foreground", connected_at: 0, seen_at: 0, ...more });

test.each([
  ["foreground", 30_000], ["steady", 30_000], ["background", 60_000],
] as const)("[A13] [B10] [C4] a device of profile %s is there for %i ms after its last sign, and not a moment longer", (profile, ttl) => {
  const one = sign({ profile, seen_at: 5_000 });
  expect(freshUntil(one)).toBe(5_000 + ttl);
  expect([isFresh(one, 5_000 + ttl - 1), isFresh(one, 5_000 + ttl)]).toEqual([true, false]);
  expect(decideStatus([one], 5_000 + ttl - 1)).toBe("ONLINE");
});

test("[P] nobody is there beyond their token, tolerance included", () => {
  const one = sign({ exp: 10, seen_at: 39_000 });
  expect([isFresh(one, 39_999), isFresh(one, 40_000)]).toEqual([true, false]);
});

test("[A14] one device that is there is enough, and last_seen is the newest sign of any, gone ones too", () => {
  const signs = [sign({ seen_at: 1_000 }), sign({ device_id: "laptop", seen_at: 20_000 })];
  expect([decideStatus(signs, 49_999), decideStatus(signs, 50_000), decideStatus([], 0)]).toEqual(["ONLINE", "OFFLINE", "OFFLINE"]);
  expect([lastSeen(signs, null), lastSeen(signs, 30_000), lastSeen([], 7), lastSeen([], null)]).toEqual([20_000, 30_000, 7, null]);
});

test("[devices] the device that connected first makes room, with all its sockets; another window of one that is there does not count", () => {
  const device = (device_id: string, connected_at: number) => ({ device_id, connected_at });
  const three = [device("b", 2), device("a", 3), device("a", 1), device("c", 4)];
  expect(decideRoom(three, "a", 3)).toEqual([]);
  expect(decideRoom(three, "d", 4)).toEqual([]);
  expect(decideRoom(three, "d", 3)).toEqual([device("a", 1), device("a", 3)]);
  expect(decideRoom([device("a", 2), device("a", 1), device("b", 3)], "a", 2)).toEqual([device("a", 1)]);
});
