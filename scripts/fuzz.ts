// `npm run fuzz`: the long forms of the fuzz tests, with counts, seeds and bounds of one's own.
import { parseArgs } from "node:util";
import { fuzzCodec } from "../test/fuzz/frames/codec-campaign.ts";
import { throughSockets } from "../test/fuzz/frames/campaign.ts";
import { startProduct } from "../test/product.ts";
import { askEverything } from "../test/fuzz/routes/campaign.ts";
import { attack } from "../test/fuzz/wire/campaign.ts";

interface Campaign {
  what: string;
  count: number;
  /** Resolves with what failed. */
  run(seed: number, count: number): Promise<string[]>;
}

const CAMPAIGNS: Readonly<Record<string, Campaign>> = {
  wire: {
    what: "hostile bytes on the product's port; counts WebSocket frames", count: 1_000_000,
    run: (seed, frames) => withProduct(async (product) => {
      const { failures, ...report } = await attack(product, { seed, frames, batch: 400, control: 4_000, say: (line) => console.log(line) });
      console.log(JSON.stringify(report, null, 2));
      return failures;
    }),
  },
  codec: {
    what: "mutated frames of clients through both codecs; counts messages", count: 1_000_000,
    run: (seed, messages) => Promise.resolve(fuzzCodec({ seed, messages, say: (line) => console.log(line) })),
  },
  frames: {
    what: "mutated frames of clients through sockets; counts messages", count: 50_000,
    run: (seed, messages) => withProduct(async (product) => {
      const { failures, ...report } = await throughSockets(product, { seed, messages, say: (line) => console.log(line) });
      console.log(JSON.stringify(report, null, 2));
      return failures;
    }),
  },
  routes: {
    what: "every HTTP route with valid, nearly valid and hostile requests; counts requests", count: 20_000,
    run: async (seed, count) => {
      const { failures, ...report } = await askEverything({ seed, count, say: (line) => console.log(line) });
      console.log(JSON.stringify(report, null, 2));
      return failures;
    },
  },
};

async function withProduct<T>(work: (product: Awaited<ReturnType<typeof startProduct>>) => Promise<T>): Promise<T> {
  const product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  try {
    return await work(product);
  } finally {
    await product.discard();
  }
}

function usage(): string {
  const lines = Object.entries(CAMPAIGNS).map(([name, { what, count }]) => `  ${name.padEnd(7)} ${what}, default ${count}`);
  return `npm run fuzz -- ${Object.keys(CAMPAIGNS).join("|")} [--count N] [--seed N]\n${lines.join("\n")}\n  --seed  default: of the clock; a failure names its own`;
}

const { values, positionals: [name = ""] } = parseArgs({ allowPositionals: true, options: { count: { type: "string" }, seed: { type: "string" } } });
const campaign = Object.hasOwn(CAMPAIGNS, name) ? CAMPAIGNS[name] : undefined;
const [count, seed] = [Number(values.count ?? campaign?.count), Number(values.seed ?? Date.now() % 2 ** 31)];
if (campaign === undefined || !(count >= 1 && count <= 1e9) || !Number.isSafeInteger(seed)) {
  console.error(usage());
  process.exitCode = 2;
} else {
  const begun = performance.now();
  const failures = await campaign.run(seed, count);
  for (const failure of failures) console.error(failure);
  console.log(`${name}: seed ${seed}, ${count} wanted, ${((performance.now() - begun) / 1_000).toFixed(0)} s, ${failures.length} failures`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}
