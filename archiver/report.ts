// Tells the conversation that its segment can't be archived as it lies in the bucket: it has the bodies, and puts it again.
import { errorFields, log } from "../log/log.ts";
import { parseSegmentKey } from "../protocol/segment.ts";
import type { WrongSegment } from "./checked-segment.ts";
import type { Edge } from "./edge.ts";

/** `untold`: it stays in the bucket, and is reported when it is next tried. `foreign`: no conversation's key. */
export type Reported = "put_again" | "of_no_use" | "untold" | "foreign";

/** Never throws: a report that gets lost is made again when the segment is tried again. */
export async function reportWrong(key: string, { reason }: WrongSegment, edge: Pick<Edge, "wrong">): Promise<Reported> {
  const place = parseSegmentKey(key);
  if (place === null) return "foreign";
  try {
    return (await edge.wrong({ ...place, reason })) ? "put_again" : "of_no_use";
  } catch (error) {
    log("warn", "segment_wrong_untold", { key, ...errorFields(error) });
    return "untold";
  }
}
