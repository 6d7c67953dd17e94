// A PUT over a line of so many Mbit/s: the client's own, which is what an upload mostly waits for.
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { File, Signed } from "./steps.ts";

const CHUNK = 64 * 1024;

/** The store is reached over plain http. Resolves when it has answered; rejects where that is no success. */
export async function putOver(mbit: number, { url, headers }: Signed, { bytes }: File): Promise<void> {
  const answered = Promise.withResolvers<void>();
  const put = request(url, { method: "PUT", headers: { ...headers, "content-length": bytes.length } }, (answer) => {
    answer.resume();
    answer.once("end", () => (answer.statusCode === 200 ? answered.resolve() : answered.reject(new Error(`the store answered ${answer.statusCode}`))));
  });
  put.once("error", answered.reject);
  const began = performance.now();
  for (let at = 0; at < bytes.length; at += CHUNK) {
    put.write(bytes.subarray(at, at + CHUNK));
    const due = began + (Math.min(bytes.length, at + CHUNK) * 8) / (mbit * 1_000);
    const wait = due - performance.now();
    if (wait > 0) await pause(wait);
  }
  put.end();
  await answered.promise;
}
