// Which segments go through the archive together: what they have in common is asked for and written once. Pure.
import { parseSegmentKey } from "../protocol/segment.ts";
import type { ListedObject } from "./s3.ts";

/** Segments of a run, and their compressed bytes: few enough for what is in hand to stay small. */
const RUN_SEGMENTS = 4;
const RUN_BYTES = 256 * 1024;

/**
 * @param objects of one conversation, in the order of epoch and seq
 * @param apart an object that failed before goes alone, or it would break up its run each time
 */
export function runsOf(objects: readonly ListedObject[], apart: (key: string) => boolean): ListedObject[][] {
  const runs: ListedObject[][] = [];
  let bytes = 0;
  let epoch: number | null = null;
  for (const object of objects) {
    const own = apart(object.key) ? null : (parseSegmentKey(object.key)?.epoch ?? null);
    const run = runs.at(-1);
    if (run === undefined || own === null || own !== epoch || run.length >= RUN_SEGMENTS || bytes + object.size > RUN_BYTES) {
      runs.push([object]);
      bytes = object.size;
    } else {
      run.push(object);
      bytes += object.size;
    }
    epoch = own;
  }
  return runs;
}
