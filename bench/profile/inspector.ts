// The runtime's own profiler, by the debugger's protocol.
import { once } from "node:events";
import WebSocket from "ws";
import type { CpuProfile } from "./cpuprofile.ts";

/** The Worker with all of its objects: one isolate. */
const WORKER = "core:user:confab";
const EVERY_US = 200;

/** @param address host:port */
export async function inspect(address: string, work: () => Promise<unknown>): Promise<CpuProfile> {
  const socket = new WebSocket(`ws://${address}/${WORKER}`, { maxPayload: 0 });
  await once(socket, "open");
  let ids = 0;
  const call = async (method: string, params: object = {}): Promise<{ profile?: CpuProfile }> => {
    ids += 1;
    const id = ids;
    const answer = new Promise<{ profile?: CpuProfile }>((resolve, reject) => {
      socket.once("close", () => reject(new Error("the profiler has hung up")));
      socket.on("message", function take(data: Buffer) {
        const message = JSON.parse(data.toString()) as { id?: number; result?: { profile?: CpuProfile }; error?: { message: string } };
        if (message.id !== id) return;
        socket.off("message", take);
        if (message.error === undefined) resolve(message.result ?? {});
        else reject(new Error(`${method}: ${message.error.message}`));
      });
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answer;
  };
  try {
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: EVERY_US });
    await call("Profiler.start");
    await work();
    const { profile } = await call("Profiler.stop");
    if (profile === undefined) throw new Error("the profiler has no profile");
    return profile;
  } finally {
    socket.removeAllListeners("close").close();
  }
}
