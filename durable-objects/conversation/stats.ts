// What an operator is shown of one conversation.
import type { ConversationStats } from "../../protocol/rpc.ts";
import type { Opened } from "./opened.ts";

/** @param now ms */
export function statsOf({ state, fanout, attached, sealing }: Opened, now: number): ConversationStats {
  return {
    mode: state.record.mode, viewers: attached.viewers(now).length, attached: attached.size, epoch: state.record.epoch, head_seq: state.head.seq, ...state.marks,
    sealed_seq: sealing.sealedSeq, lagging: fanout.rounds.owed, members: state.members.size, ...state.tally(),
  };
}
