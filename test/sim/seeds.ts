// Seeds that once found a fault of the product, with what was wrong. They stay for ever.

export const KEPT: readonly (readonly [seed: number, fault: string])[] = [
  [2, "who had left and sent again what had gone in was told that it is refused"],
  [4, "a device counted as unread what another had read further than the inbox was settled"],
  [347, "a device that deleted what another had deleted took the other's event for its own"],
  [1450, "the same with a reaction"],
  [1361, "a change that stood already and was acknowledged while a new page read its list stayed in the outbox for ever"],
  [1059, "a PUT that was given up arrived when its segment was archived: what a deletion had taken lay in the bucket for ever"],
];
