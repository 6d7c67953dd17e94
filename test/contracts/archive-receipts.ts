// What a store keeps of members' watermarks: the greatest, with its time, whatever comes twice or late.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ArchiveStore } from "../../archiver/stores/store.ts";
import type { MemberMarks } from "../../protocol/archive.ts";
import { conversationId } from "../archiver/segments.ts";
import { size } from "../sizes.ts";

const AT = Date.UTC(2026, 10, 20, 12);
const YEARS_7 = 220_752_000;

const marksOf = (user_id: string, delivered: number, read: number): MemberMarks => ({
  user_id, delivered_seq: delivered, delivered_at: delivered === 0 ? 0 : AT + delivered, read_seq: read, read_at: read === 0 ? 0 : AT + read,
});

export function archiveReceiptsContract(of: () => { open: (options: { now?: () => number }) => Promise<ArchiveStore>; conversation: string }): void {
  test("[A7] watermarks and their times are kept by the greater, in whatever order and however often they come", async () => {
    const { open, conversation } = of();
    const store = await open({});
    const one = fc.record({ user: fc.constantFrom("ann", "bob", "cyd"), delivered: fc.integer({ min: 1, max: 20 }), read: fc.integer({ min: 0, max: 20 }) })
      .map(({ user, delivered, read }) => marksOf(user, Math.max(delivered, read), read));
    let count = 0;
    await fc.assert(fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 12 }), async (list) => {
      const id = conversationId(`${conversation} ${(count += 1)}`);
      for (let i = 0; i < list.length; i += 3) await store.mergeReceipts(id, list.slice(i, i + 3));
      await store.mergeReceipts(id, list.slice(0, 2));
      const greatest = (user: string, name: "delivered_seq" | "read_seq") => Math.max(...list.filter(({ user_id }) => user_id === user).map((marks) => marks[name]));
      const users = [...new Set(list.map(({ user_id }) => user_id))].toSorted();
      expect(await store.receipts(id)).toEqual(users.map((user) => marksOf(user, greatest(user, "delivered_seq"), greatest(user, "read_seq"))));
    }), { numRuns: size(`receipt histories, ${store.kind}`, 25, 300) });
  });

  test("[A7] a watermark ends with its retention", async () => {
    const { open, conversation } = of();
    const late = await open({ now: () => AT + YEARS_7 * 1_000 + 86_400_000 });
    await late.mergeReceipts(conversation, [marksOf("ann", 5, 3)]);
    expect(await late.receipts(conversation)).toEqual([]);
  });
}
