// A process of the soak that plays one part of its people. Started by generators.ts, and ends with it.
import { finish } from "./finish.ts";
import type { FromGenerator, ToGenerator } from "./link.ts";
import { Village } from "./village.ts";

let village: Village | null = null;

function tell(message: FromGenerator): void {
  if (process.connected) process.send?.(message);
}

async function heard(message: ToGenerator): Promise<void> {
  if (message.type === "begin") {
    village = new Village(message.plan);
    await village.begin();
    tell({ type: "ready" });
    return;
  }
  if (village === null) throw new Error(`${message.type} came before the beginning`);
  if (message.type === "phase") village.set(message.phase);
  else if (message.type === "window") tell({ type: "window", window: village.journal.window(village.connected.length) });
  else tell({ type: "finished", findings: await finish(village) });
}

process.on("message", (message: ToGenerator) => {
  heard(message).catch((error: unknown) => tell({ type: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
});
process.once("disconnect", () => process.exit(0));
