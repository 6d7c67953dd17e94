// A build whose effects can be made to fail from outside: `POST /dev/fault {name, left}` fails the next so many. Everything runs in
// one isolate here, so one table of counters is seen by all of it.
import { patchOnce } from "../../scripts/build.ts";
import type { Product } from "../product.ts";

export const FAULTS = ["deliver", "append", "put", "settings", "directory", "archived", "line"] as const;
export type Fault = (typeof FAULTS)[number];

const hit = (name: Fault) => `if ((globalThis.faultsLeft?.${name} ?? 0) > 0) { globalThis.faultsLeft.${name} -= 1; throw new Error("the fault ${name}"); }`;

export const faulty = patchOnce(
  {
    name: "faults from outside", file: "workers/routes/development.ts", find: "export const development = new Hono<AppEnv>();",
    replace: `export const development = new Hono<AppEnv>();
      development.post("/dev/fault", async (context) => {
        const { name, left } = await context.req.json();
        globalThis.faultsLeft = { ...globalThis.faultsLeft, [name]: left };
        return context.json({ left: globalThis.faultsLeft });
      });`,
  },
  { name: "deliver", file: "durable-objects/session/object.ts", find: "async deliver(call: DeliverCall): Promise<DeliverReply> {", replace: `async deliver(call: DeliverCall): Promise<DeliverReply> { ${hit("deliver")}` },
  { name: "line", file: "durable-objects/session/lines.ts", find: "else if (line.about !== null) {", replace: `else if (line.about !== null) { ${hit("line")}` },
  { name: "append", file: "durable-objects/conversation/object.ts", find: "async appendAny(call: AppendCall): Promise<AppendReply> {", replace: `async appendAny(call: AppendCall): Promise<AppendReply> { ${hit("append")}` },
  { name: "archived", file: "durable-objects/conversation/object.ts", find: "async archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>> {", replace: `async archived(ack: ArchiveAck): Promise<Result<ArchiveAcked>> { ${hit("archived")}` },
  { name: "put", file: "durable-objects/conversation/segment-bucket.ts", find: "put: async (key, ndjson, metadata) => {", replace: `put: async (key, ndjson, metadata) => { ${hit("put")}` },
  { name: "directory", file: "durable-objects/directory/object.ts", find: "async put(call: PutCall): Promise<void> {", replace: `async put(call: PutCall): Promise<void> { ${hit("directory")}` },
  { name: "settings", file: "durable-objects/settings/object.ts", find: "  read(): SettingsPatch {", replace: `  read(): SettingsPatch { ${hit("settings")}` },
  // Read with every request, or a minute would pass until anybody notices.
  { name: "settings are always old", file: "durable-objects/settings/current.ts", find: "const CACHE_MS = 60_000;", replace: "const CACHE_MS = 1;" },
  { name: "and read by everybody", file: "durable-objects/settings/current.ts", find: "const PAUSE_MS = 1_000;", replace: "const PAUSE_MS = 1;" },
);

/** The next `left` of these effects fail. */
export async function fail(product: Product, name: Fault, left: number): Promise<void> {
  const answer = await fetch(`${product.url}/dev/fault`, { method: "POST", body: JSON.stringify({ name, left }) });
  if (answer.status !== 200) throw new Error(`no fault: ${answer.status}`);
}

/** How many are left. */
export async function faultsLeft(product: Product, name: Fault): Promise<number> {
  const answer = await fetch(`${product.url}/dev/fault`, { method: "POST", body: JSON.stringify({ name: "", left: 0 }) });
  return ((await answer.json()) as { left: Partial<Record<Fault, number>> }).left[name] ?? 0;
}
