// `npm run fuzz`: the long forms of the fuzz tests, with counts, seeds and bounds of one's own.
import { parseArgs } from "node:util";
import { startProduct } from "../test/product.ts";
import { attack } from "../test/fuzz/wire/campaign.ts";

const USAGE = `npm run fuzz -- wire|codec|frames|routes [--count N] [--seed N]
  wire    hostile bytes on the product's port; count: WebSocket frames, default 1000000
  codec   frames of clients, mutated, through both codecs; count: messages, default 2000000
  frames  the same through sockets of the running product; count: messages, default 50000
  routes  every HTTP route with valid, nearly valid and hostile requests; count: requests, default 20000
  --seed  default: of the clock; a failure names its own`;
const DEFAULTS = { wire: 1_000_000, codec: 2_000_000, frames: 50_000, routes: 20_000 } as const;
type Campaign = keyof typeof DEFAULTS;
