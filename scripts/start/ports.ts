// The front doors' ports before anything else is started: a taken one is said in one line.
import { isFree } from "../ports.ts";
import { UsageError } from "./plan.ts";

/** Throws UsageError naming the first port that can't be had. */
export async function requireFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const free = await isFree(port).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EACCES" ? new UsageError(`port ${port} may not be used by this user`) : error;
    });
    if (!free) throw new UsageError(`port ${port} is taken; stop what listens there or choose another PORT`);
  }
}
