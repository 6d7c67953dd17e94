// What the bench and its generator processes tell one another. Types only.
import type { Encoding } from "../../protocol/encodings.ts";
import type { TokenSource } from "../dialects/tokens.ts";
import type { Plan } from "../workloads.ts";
import type { Share } from "./shard.ts";

/** Where the server is and how it is spoken to. */
export type Spoken =
  | { dialect: "confab"; url: string; tokens: TokenSource; encoding: Encoding; receipts: boolean }
  | { dialect: "socketio"; url: string }
  | { dialect: "xmpp"; url: string; password: string };

export interface Setup {
  spoken: Spoken;
  plan: Plan;
  share: Share;
  /** Names the messages of this traffic. */
  run: string;
}

/** Counted in one process between two moments. */
export interface Counted {
  bytes: number;
  /** ms each */
  acks: Float64Array;
  deliveries: Float64Array;
  /** Of this process, ms. */
  cpu: number;
}

/** By name, what each command takes and what it answers. */
export interface Commands {
  connect: { takes: Setup; gives: null };
  /** Of one process: makes the group. */
  group: { takes: null; gives: string };
  enter: { takes: { conversationId: string | null }; gives: null };
  start: { takes: { at: number }; gives: null };
  count: { takes: { from: number; to: number }; gives: Counted };
  stop: { takes: null; gives: { sender: number; sent: number }[] };
  drain: { takes: { sent: number[] }; gives: number };
  /** Has the messages sent that the device misses. */
  miss: { takes: null; gives: null };
  /** ms from dialling to the last of them */
  catchUp: { takes: null; gives: number };
  close: { takes: null; gives: null };
}

export type CommandName = keyof Commands;

export type ToGenerator =
  | { [N in CommandName]: { type: "command"; id: number; name: N; takes: Commands[N]["takes"] } }[CommandName]
  /** All recipients of another process have it. */
  | { type: "arrived"; sender: number; number: number };

export type FromGenerator =
  | { type: "done"; id: number; gives: Commands[CommandName]["gives"] }
  | { type: "failed"; id: number | null; reason: string }
  | { type: "arrived"; sender: number; number: number };
