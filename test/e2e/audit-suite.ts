// The audit of a running product's archive, whatever store it is in: registered by audit.e2e.test.ts and audit.cassandra.test.ts.
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Product } from "../product.ts";
import { newUser, operator, statsOf, until, type User } from "./api.ts";
import { archiverCommand } from "./archiver-command.ts";

export const ARCHIVING = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "10", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
};

/** The archive's tables, behind everybody's back. */
export interface Vault {
  /** For the commands: which store it is. */
  env: Record<string, string>;
  remove(conversationId: string, seqs: readonly number[]): Promise<void>;
  /** Writes columns of one row. */
  write(conversationId: string, seq: number, columns: Record<string, string>): Promise<void>;
  /** Exchanges these columns of two rows. */
  exchange(conversationId: string, columns: readonly string[], a: number, b: number): Promise<void>;
  /** From every table. */
  removeAll(conversationId: string): Promise<void>;
}

export function auditSuite(given: () => { product: Product; vault: Vault }): void {
  const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

  async function archived(): Promise<{ id: string; ann: User; bob: User }> {
    const { product } = given();
    const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
    const acks = [];
    for (const i of range(33)) acks.push(await (i % 3 === 0 ? bob.send(ann, `message ${i}`) : ann.send(bob, `message ${i}`)));
    const id = acks[0]?.conversation_id as string;
    const socket = await ann.socket();
    await socket.ask({ type: "edit", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: acks[3]?.msg_id, content: "edited" });
    await socket.ask({ type: "delete", client_msg_id: randomUUID(), conversation_id: id, target_msg_id: acks[6]?.msg_id });
    const service = await operator(product);
    await until(() => statsOf(service, id), ({ archived_seq }) => archived_seq === 35);
    return { id, ann, bob };
  }

  const audit = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { product, vault } = given();
    const ended = await archiverCommand(product, ["audit", ...args], { ...vault.env, ...env });
    const found = ended.lines.filter((line) => "finding" in line).map((line) => `${String(line["finding"])} ${String(line["from_seq"])}-${String(line["to_seq"])}`);
    return { ...ended, found, results: ended.lines.filter((line) => "result" in line) };
  };

  describe("audit", () => {
    test("[C14] a conversation with edits and deletions is complete against its own object, and by the archive alone while the edge is down", async () => {
      const { id } = await archived();
      const whole = await audit([id]);
      expect(whole.results).toEqual([expect.objectContaining({ conversation_id: id, result: "complete", against: "edge", to_seq: 35, findings: 0 })]);
      expect(whole.code).toBe(0);
      const alone = await audit([id], { EDGE_URL: "http://127.0.0.1:9" });
      expect(alone.results).toEqual([expect.objectContaining({ result: "complete", against: "archive", because: expect.any(String) as string, to_seq: 35 })]);
      expect(alone.code).toBe(0);
      expect((await audit(["--all", "--quick"])).results).toContainEqual(expect.objectContaining({ conversation_id: id, result: "complete" }));
    });

    test.each([true, false])("[C14] what was removed, changed, swapped and cut behind its back is named by its seq (edge up: %s)", async (up) => {
      const { vault } = given();
      const { id } = await archived();
      await vault.remove(id, [12, 31, 32, 33, 34, 35]);
      await vault.write(id, 2, { content: "forged" });
      await vault.exchange(id, ["seq"], 21, 22);
      const { found, code } = await audit([id], up ? {} : { EDGE_URL: "http://127.0.0.1:9" });
      // The edit and the deletion were cut as well: what they made of 4 and 7 nobody can tell any more.
      const told = up ? ["changed 4-4"] : ["changed 4-4", "changed 7-7"];
      expect(found.toSorted()).toEqual(["changed 2-2", "removed 12-12", "swapped 21-21", "swapped 22-22", "cut 31-35", ...told].toSorted());
      expect(code).toBe(1);
    });

    test("[C14] a sender that was changed, and contents that were exchanged with their hashes, are named by asking the conversation", async () => {
      const { vault } = given();
      const { id } = await archived();
      await vault.write(id, 5, { sender_id: "eve" });
      await vault.exchange(id, ["body", "salt", "content_hash", "content", "client_msg_id", "sender_id"], 14, 17);
      const { found, code } = await audit([id]);
      expect(found).toEqual(["changed 5-5", "swapped 14-14", "swapped 17-17"]);
      expect(code).toBe(1);
    });

    test("[C14] a conversation that is gone from every table is known to its members' lists, and named whole", async () => {
      const { vault } = given();
      const { id, ann, bob } = await archived();
      expect((await audit(["--user", ann.name])).results).toEqual([expect.objectContaining({ conversation_id: id, result: "complete" })]);
      await vault.removeAll(id);
      expect((await audit(["--all", "--quick"])).results.map((line) => line["conversation_id"])).not.toContain(id);
      const { found, results, code, lines } = await audit(["--user", ann.name, "--user", bob.name]);
      expect(results).toEqual([expect.objectContaining({ conversation_id: id, result: "damaged", against: "edge" })]);
      expect(found).toContain("cut 1-35");
      expect([code, lines.at(-1)]).toEqual([1, { conversations: 1, damaged: 1 }]);
      expect((await audit(["--user", "nobody-at-all"])).code).toBe(1);
    });

    test("[C14] words that mean nothing are exit code 2, with the usage", async () => {
      const { code, stderr } = await audit(["--everything"]);
      expect([code, stderr.includes("usage: npm run archiver -- audit")]).toEqual([2, true]);
    });
  });
}
