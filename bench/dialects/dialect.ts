// How a generator speaks to one kind of server. The traffic sees nothing but this.

/** What a unit from the server says of one message of the traffic. */
export interface Seen {
  /** As it was posted. */
  key: string;
  ack: boolean;
  conversation_id: string;
  /** Its place in the conversation; 0 where the server names none. */
  seq: number;
}

export type Address = { to: string } | { conversation_id: string };

/** A user's connection. */
export interface Device {
  readonly user: string;
  /** Sends new messages as one unit, or as near to one as the protocol has; returns its bytes. */
  post(address: Address, keys: readonly string[], content: string): number;
  /** Says delivered and read for everything up to here, and returns the bytes of that; absent where it says nothing. */
  acknowledge?(conversationId: string, seq: number): number;
  /** Throws where the server refuses something. */
  read(unit: Buffer): Seen[];
  /** What is called with each unit that arrives, and when the connection is closed from the other side. */
  listen(heard: (unit: Buffer) => void, closed: (error: Error) => void): void;
  close(): Promise<void>;
}

/** What a device has of a conversation, and how many messages it lacks. */
export interface Cursor {
  conversation_id: string;
  epoch: number;
  seq: number;
  missed: number;
}

export interface Dialect {
  /** Do a message's recipients all get the same bytes? Then those are read once. */
  readonly alike: boolean;
  connect(user: string): Promise<Device>;
  /** The creator and all others are members at once. Returns its id. */
  createGroup(creator: string, others: readonly string[]): Promise<string>;
  /** From then on the device gets the bodies of a group of so many. */
  enter(device: Device, conversationId: string, members: number): Promise<void>;
  /** Dials and reads what was missed, as a client of that server does, and then closes: the keys as they came, and when the last one had (ms). */
  catchUp(user: string, cursor: Cursor): Promise<{ keys: string[]; at: number }>;
}

/** Connections that are opened at once. */
const WIDTH = 10;

/** Does it for all of them, some at once, and answers in their order. */
export async function forAll<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let start = 0; start < items.length; start += WIDTH) done.push(...(await Promise.all(items.slice(start, start + WIDTH).map(work))));
  return done;
}
