// Mutated messages through both codecs by the million.
import fc from "fast-check";
import { checkBinary, checkText } from "./codec.ts";
import { binaryMessages, jsonMessages } from "./messages.ts";

const STEP = 20_000;

/** What failed, with the seed and path that bring it back. Half of the messages are texts. */
export function fuzzCodec({ seed, messages, say }: { seed: number; messages: number; say: (line: string) => void }): string[] {
  const failures: string[] = [];
  for (let done = 0; done < messages && failures.length === 0; done += 2 * STEP) {
    const numRuns = Math.min(STEP, Math.ceil((messages - done) / 2));
    const step = { seed: seed + done, numRuns };
    const results = [
      fc.check(fc.property(jsonMessages(), (text) => void checkText(text)), step),
      fc.check(fc.property(binaryMessages(), (bytes) => void checkBinary(bytes)), step),
    ];
    failures.push(...results.filter(({ failed }) => failed).map((result) => fc.defaultReportMessage(result as fc.RunDetails<[unknown]>) ?? "failed"));
    say(`${Math.min(messages, done + 2 * numRuns)} of ${messages} messages`);
  }
  return failures;
}
