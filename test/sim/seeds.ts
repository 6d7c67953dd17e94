// Where which worlds begin; and seeds that once found a fault of the product, with what was wrong. They stay for ever.

/** Worlds from here on have more in them: segments that vanish, conversations that are lost and restored. Those before stay what they were. */
export const WIDER = 100_000;
/** From here on groups are told as large ones are, too. */
export const WIDEST = 200_000;

export const KEPT: readonly (readonly [seed: number, fault: string])[] = [
  [2, "who had left and sent again what had gone in was told that it is refused"],
  [4, "a device counted as unread what another had read further than the inbox was settled"],
  [347, "a device that deleted what another had deleted took the other's event for its own"],
  [1450, "the same with a reaction"],
  [1361, "a change that stood already and was acknowledged while a new page read its list stayed in the outbox for ever"],
  [1059, "a PUT that was given up arrived when its segment was archived: what a deletion had taken lay in the bucket for ever"],
  [1068, "that its user had left came again, and a device took the conversation for a new one: its events came a second time"],
  [1155, "a device heard of its user's leaving when they were back, and dropped the conversation with what it had of the new stay"],
  [428, "a session died with the answer to a receipt, and its inbox counted as unread what the conversation had as read"],
  [485, "a settle was made again, and did not bring what had been read since: the inbox counted one too many"],
  [1172, "the same in a direct conversation"],
  [2131, "an own message was acknowledged again to who had left meanwhile, and the group was in their list for ever"],
  [2731, "the same"],
  [2270, "a poll's receipt was lost with the session behind it, and nobody said it again: the message stayed SENT"],
  [2740, "the same"],
  [3140, "the same as 428, and the user's other device took it for told"],
];
