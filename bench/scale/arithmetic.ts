// From what one core does and one message costs to what the documents ask for. Pure.
import { COUNTED, type Cost, LATER_ROWS, MEASURED, STORED } from "./counted.ts";

export interface Wanted {
  id: string;
  what: string;
  messages_a_day: number;
  /** At once. */
  sockets: number;
}

/** As the five documents give them; D17 is told by its peak. */
export const WANTED: readonly Wanted[] = [
  { id: "A25", what: "50M daily users, 5B messages a day, 10M sockets", messages_a_day: 5e9, sockets: 10e6 },
  { id: "B19", what: "2B users, 100B messages a day", messages_a_day: 100e9, sockets: 500e6 },
  { id: "C13", what: "20B messages a day, 500M sockets", messages_a_day: 20e9, sockets: 500e6 },
  { id: "D17", what: "10M daily users, 1M sockets, 12,000 messages a second", messages_a_day: 12_000 * 86_400, sockets: 1e6 },
];

/** Dollars for a million, of the platform's price list. */
export const PRICES = { rows: 1, requests: 0.15, gb_s: 12.5 } as const;
const UNITS_A_REQUEST = 20;
const OBJECT_GB = 0.125;
/** Objects on a direct message's way: the sender's, the conversation, the recipient's. */
const OBJECTS = 3;
const DAY_S = 86_400;
const GIB = 1024 ** 3;
const KIB = 1_024;

/** For a million messages, dollars. */
export interface Price {
  rows: number;
  requests: number;
  duration: number;
  all: number;
}

export function priceOf({ rows, calls, units }: Cost): Price {
  const parts = {
    rows: (rows + LATER_ROWS) * PRICES.rows,
    requests: (calls + units / UNITS_A_REQUEST) * PRICES.requests,
    // A million messages, each as long as its delivery takes, in every object on the way.
    duration: OBJECTS * OBJECT_GB * (MEASURED.delivery_ms / 1_000) * PRICES.gb_s,
  };
  return { ...parts, all: parts.rows + parts.requests + parts.duration };
}

export interface Needed {
  messages_per_s: number;
  /** Of one core's rate, were everything of one kind. */
  cores: number;
  /** If a conversation object took a tenth of what one core does: how many would have to be busy at once. */
  busy_objects: number;
  /** One object a user, as the process held them here. */
  socket_gib: number;
  hot_gib_a_day: number;
  /** Of one copy. */
  archived_gib_a_day: number;
}

export function neededFor({ messages_a_day, sockets }: Wanted): Needed {
  const messages_per_s = messages_a_day / DAY_S;
  const cores = messages_per_s / MEASURED.core_messages_per_s;
  return {
    messages_per_s, cores, busy_objects: cores * 10,
    socket_gib: (sockets * MEASURED.kib_per_socket * KIB) / GIB, hot_gib_a_day: (messages_a_day * STORED.hot_bytes) / GIB,
    archived_gib_a_day: (messages_a_day * STORED.archived_bytes) / GIB,
  };
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const dollars = (value: number): string => `$${value.toFixed(2)}`;

/** The tables of docs/scale.md, line for line. */
export function tables(): string[] {
  const prices = Object.entries(COUNTED).map(([name, cost]) => {
    const price = priceOf(cost);
    return `| ${name} | ${cost.rows} | ${cost.calls} | ${cost.units} | ${dollars(price.rows)} | ${dollars(price.requests)} | ${dollars(price.duration)} | ${dollars(price.all)} |`;
  });
  const needs = WANTED.map((wanted) => {
    const need = neededFor(wanted);
    const [alone, busy] = [priceOf(COUNTED.alone).all, priceOf(COUNTED.busy).all].map((price) => (price * wanted.messages_a_day) / 1e6);
    return `| ${wanted.id} | ${wanted.what} | ${whole(need.messages_per_s)} | ${whole(need.cores)} | ${whole(need.busy_objects)} | ${whole(need.socket_gib)} | ${whole(need.hot_gib_a_day)} | ${whole(need.archived_gib_a_day)} | $${whole(busy as number)}–${whole(alone as number)} |`;
  });
  return [
    "| a direct message that is | rows | calls and alarms | units | rows, $/M | requests, $/M | duration, $/M | together, $/M |",
    "|---|---|---|---|---|---|---|---|", ...prices, "",
    "| | wanted | messages/s | cores | busy objects at a tenth | GiB of idle sockets | GiB a day, hot | GiB a day, archived | dollars a day |",
    "|---|---|---|---|---|---|---|---|---|", ...needs,
  ];
}
