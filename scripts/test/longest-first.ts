// The order of a project's files: one that takes a minute and begins last is what everybody waits for.
import { BaseSequencer, type TestSpecification } from "vitest/node";
import path from "node:path";

/** Seconds of the files that take long. What is not named takes less; a wrong number costs time alone. */
export const LONG: Readonly<Record<string, number>> = {
  "test/e2e/erase.cassandra.test.ts": 73,
  "test/archiver/cassandra-store.cassandra.test.ts": 73,
  "test/archiver/archive.cassandra.test.ts": 69,
  "test/archiver/many.cassandra.test.ts": 66,
  "test/e2e/cassandra.cassandra.test.ts": 64,
  "test/browser/media.browser.test.ts": 55,
  "test/verify/mutants.e2e.test.ts": 48,
  "test/archiver/upgrade.cassandra.test.ts": 45,
  "test/e2e/restore.cassandra.test.ts": 44,
  "test/scripts/start.e2e.test.ts": 43,
  "test/archiver/outages.cassandra.test.ts": 37,
  "test/workerd/restore.workerd.test.ts": 34,
  "test/e2e/presence.e2e.test.ts": 34,
  "test/browser/accessibility.browser.test.ts": 33,
  "test/bench/archive.cassandra.test.ts": 33,
  "test/e2e/search.e2e.test.ts": 31,
  "test/e2e/media-keeping.e2e.test.ts": 30,
  "test/e2e/archive.e2e.test.ts": 30,
  "test/e2e/failures-edge.e2e.test.ts": 29,
  "test/e2e/erase.e2e.test.ts": 27,
  "test/authorization/matrix.e2e.test.ts": 26,
  "test/e2e/audit.cassandra.test.ts": 24,
  "test/archiver/secure.cassandra.test.ts": 24,
  "test/archiver/many.s3.test.ts": 24,
  "test/verify/verify.e2e.test.ts": 23,
  "test/e2e/credit.e2e.test.ts": 23,
  "test/browser/together.browser.test.ts": 20,
  "test/bench/deployment.e2e.test.ts": 20,
  "test/archiver/process.cassandra.test.ts": 20,
  "test/e2e/protobuf-suites.e2e.test.ts": 19,
  "test/e2e/restore.e2e.test.ts": 18,
  "test/e2e/presence-cost.e2e.test.ts": 18,
  "test/media/uploads.e2e.test.ts": 17,
  "test/e2e/erasure.e2e.test.ts": 17,
  "test/browser/reconnect.browser.test.ts": 17,
  "test/browser/chat.browser.test.ts": 17,
  "test/e2e/admin.e2e.test.ts": 16,
  "test/client/together.e2e.test.ts": 16,
  "test/e2e/failures.e2e.test.ts": 15,
  "test/e2e/audit.e2e.test.ts": 15,
  "test/client/client.e2e.test.ts": 15,
  "test/media/uploads.s3.test.ts": 14,
  "test/browser/archive.browser.test.ts": 14,
  "test/archiver/crash.test.ts": 13,
  "test/scripts/services.cassandra.test.ts": 12,
  "test/scripts/media-sweep.s3.test.ts": 12,
  "test/e2e/large-group.e2e.test.ts": 12,
  "test/e2e/receipts.e2e.test.ts": 11,
  "test/e2e/media-attacks.e2e.test.ts": 11,
  "test/e2e/export.e2e.test.ts": 11,
  "test/archiver/looks.s3.test.ts": 11,
  "test/archiver/hold-command.test.ts": 11,
  "test/durable-objects/seam.test.ts": 10,
  "test/archiver/failures.s3.test.ts": 10,
  "test/archiver/restore.test.ts": 9,
  "test/durable-objects/fanout.test.ts": 8,
  "test/durable-objects/search.test.ts": 7,
  "test/client/media.test.ts": 7,
  "test/archiver/survey.test.ts": 7,
};

function secondsOf(root: string, { moduleId }: TestSpecification): number {
  return LONG[path.relative(root, moduleId)] ?? 0;
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => secondsOf(this.ctx.config.root, b) - secondsOf(this.ctx.config.root, a));
  }
}
