// What a delivery gives a device: the events, or word that there are some.
import type { DeliverCall } from "../../protocol/rpc.ts";

/** In a conversation that writes no inboxes a device is told of heads, unless it shows the conversation. */
export function tellsHeads({ mode = "write", settle }: DeliverCall): boolean {
  return mode !== "write" && !settle;
}

/** Where the conversation thinks that no device shows it, the call brings none: one may have opened it meanwhile. */
export function showsBodies(call: DeliverCall, viewing: readonly string[]): boolean {
  return (call.events !== null || call.own.length > 0) && viewing.includes(call.conversation_id);
}
