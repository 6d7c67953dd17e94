// When a conversation's storage is not what it was: somebody trusted knows of more than is there. A client's word never counts.

export interface Reached {
  epoch: number;
  seq: number;
}

/** @param known what a session's inbox or the archive has; null: nothing is known */
export function decideTrust(own: Reached, known: Reached | null | undefined): "well" | "rolled_back" {
  if (known === null || known === undefined || known.epoch < own.epoch) return "well";
  return known.epoch > own.epoch || known.seq > own.seq ? "rolled_back" : "well";
}
