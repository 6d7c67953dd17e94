// Where the rows of a month lie: known from an event's id and seq alone.
import { expect, test } from "vitest";
import { decideSplitFrom, isSplit, monthOf, PARTITION_ROWS, partitionOf, partitionsOf, SPLIT_ALWAYS } from "../../archiver/stores/partitions.ts";

const later = { split_from: "2027-01" };

test("[B8] a month is one partition up to so many seqs, then one for each that many more", () => {
  const at = (seq: number) => partitionOf("2026-11", seq, SPLIT_ALWAYS);
  expect([1, PARTITION_ROWS - 1].map(at)).toEqual(["2026-11", "2026-11"]);
  expect([PARTITION_ROWS, 2 * PARTITION_ROWS - 1, 2 * PARTITION_ROWS, 1_000_000_000].map(at)).toEqual(["2026-11.000001", "2026-11.000001", "2026-11.000002", "2026-11.061035"]);
  expect(partitionsOf("2026-11", 1, 40_000, SPLIT_ALWAYS)).toEqual(["2026-11", "2026-11.000001", "2026-11.000002"]);
  expect(partitionsOf("2026-11", 40_000, 40_000, SPLIT_ALWAYS)).toEqual(["2026-11.000002"]);
});

test("[B8] partitions sort as text in the order of seq, and name their month", () => {
  const partitions = [...partitionsOf("2026-11", 1, 15 * PARTITION_ROWS, SPLIT_ALWAYS), ...partitionsOf("2026-12", 16 * PARTITION_ROWS, 17 * PARTITION_ROWS, SPLIT_ALWAYS)];
  expect(partitions.toSorted()).toEqual(partitions);
  expect(new Set(partitions.map(monthOf))).toEqual(new Set(["2026-11", "2026-12"]));
  expect(partitions.filter((partition) => !isSplit(partition))).toEqual(["2026-11"]);
});

test("[B8] months that older programs may write are not split, and they have a week at least", () => {
  expect(partitionOf("2026-12", 99_999, later)).toBe("2026-12");
  expect(partitionsOf("2026-12", 1, 99_999, later)).toEqual(["2026-12"]);
  expect(partitionOf("2027-01", 99_999, later)).toBe("2027-01.000006");
  expect(decideSplitFrom(Date.UTC(2026, 10, 3))).toBe("2026-12");
  expect(decideSplitFrom(Date.UTC(2026, 10, 23, 23, 59))).toBe("2026-12");
  expect(decideSplitFrom(Date.UTC(2026, 10, 24))).toBe("2027-01");
  expect(decideSplitFrom(Date.UTC(2026, 11, 30))).toBe("2027-02");
});
