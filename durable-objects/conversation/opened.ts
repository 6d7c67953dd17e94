// The parts of a conversation's object, each of which stands on its rows.
import type { Tasks } from "../platform/tasks.ts";
import type { Attached } from "./attached.ts";
import type { Fanout } from "./fanout.ts";
import type { Groups } from "./groups.ts";
import type { Receipts } from "./receipts.ts";
import type { Sealing } from "./seal.ts";
import type { Indexing } from "./search/indexing.ts";
import type { ConversationState } from "./state.ts";
import type { Typing } from "./typing.ts";

/** Everything that exists only once the conversation does. */
export interface Opened {
  state: ConversationState;
  fanout: Fanout;
  receipts: Receipts;
  attached: Attached;
  groups: Groups;
  typing: Typing;
  sealing: Sealing;
  indexing: Indexing;
  tasks: Tasks;
}
