// A conversation's object is lost, or brought back as it was: it stops, is restored, and everybody goes on. Registered over the
// embedded archive and over Cassandra.
import { randomUUID } from "node:crypto";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { connect } from "../../client/client.ts";
import type { Event } from "../../protocol/events.ts";
import type { Product } from "../product.ts";
import { codeOf, newUser, operator, statsOf, until, type User } from "./api.ts";
import { archiverCommand, startArchiverCommand } from "./archiver-command.ts";
import { copyObject, objectFile, removeObject } from "./object-file.ts";

export const RESTORING = {
  CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_EVENTS: "10", CONFAB_SEAL_AFTER_MS: "300", CONFAB_HOT_EVENTS: "5", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "200",
};

const range = (length: number, from = 1) => Array.from({ length }, (_, i) => i + from);

export function restoreSuite(given: () => { product: Product; env: Record<string, string> }): void {
  const restore = (id: string, ...more: string[]) => archiverCommand(given().product, ["restore", id, ...more], given().env);

  async function archivedTo(id: string, seq: number): Promise<void> {
    const service = await operator(given().product);
    await until(() => statsOf(service, id), ({ archived_seq }) => archived_seq === seq);
  }

  /** Three people, and something of everything. @returns the group's id, and its head */
  async function lived(): Promise<{ id: string; ann: User; bob: User; cyd: User; head: number }> {
    const { product } = given();
    const [ann, bob, cyd] = [await newUser(product, "ann"), await newUser(product, "bob"), await newUser(product, "cyd")];
    const { conversation_id: id } = await ann.group([bob]);
    const acks = [];
    for (const i of range(30)) acks.push(await (i % 2 === 0 ? bob : ann).send(id, `message ${i}`, { client_msg_id: `k${i}` }));
    const socket = await ann.socket();
    const change = (more: object) => socket.ask({ client_msg_id: randomUUID(), conversation_id: id, ...more });
    await change({ type: "edit", target_msg_id: acks[2]?.msg_id, content: "edited" });
    await change({ type: "delete", target_msg_id: acks[4]?.msg_id });
    await change({ type: "react", target_msg_id: acks[6]?.msg_id, emoji: "👍", on: true });
    await ann.send(id, "an answer", { reply_to: acks[8]?.msg_id });
    await ann.call("PUT", `/v1/conversations/${id}/members/${cyd.name}`, {});
    await ann.call("PATCH", `/v1/conversations/${id}`, { title: "Renamed" });
    return { id, ann, bob, cyd, head: 37 };
  }

  /** As readers see it, whatever the epoch. */
  async function seen(user: User, id: string): Promise<{ title: string; members: object[]; max_members: number; history: string; events: Event[] }> {
    const detail = await user.call<{ title: string; members: object[]; max_members: number; history: string }>("GET", `/v1/conversations/${id}`);
    const { title, members, max_members, history } = detail.body;
    return { title, members, max_members, history, events: (await user.history(id)).map((event): Event => ({ ...event, epoch: 0 })) };
  }

  describe("restore", () => {
    test("[C14] a conversation whose storage is lost stops, is counted, is restored from archive and waiting segments, and everybody goes on", async () => {
      const { product } = given();
      const { id, ann, bob, cyd, head } = await lived();
      await archivedTo(id, head);
      const before = await seen(ann, id);
      // What comes now is sealed and waits in the bucket: no archiver takes it.
      const { archiver } = product.pids();
      if (archiver === null) throw new Error("no archiver runs");
      process.kill(archiver, "SIGSTOP");
      for (const i of range(10, 31)) await bob.send(id, `message ${i}`, { client_msg_id: `k${i}` });
      const service = await operator(product);
      // Every inbox has it as well.
      await until(() => statsOf(service, id), ({ sealed_seq, fanout_seq, lagging }) => sealed_seq === head + 10 && fanout_seq === head + 10 && lagging === 0);
      process.kill(archiver, "SIGKILL");
      const client = connect({ url: product.url, token: cyd.token });
      const heard: { content: string; epoch: number }[] = [];
      client.on("event", (event) => void (event.type === "msg" && event.conversation_id === id && heard.push({ content: event.content, epoch: event.epoch })));
      await product.stop();
      removeObject(objectFile(product, id));
      await product.restart();
      expect(codeOf(await ann.call("POST", "/v1/messages", { conversation_id: id, content: "lost?", client_msg_id: "later" }))).toBe("503 needs_restore");
      expect(codeOf(await bob.call("GET", `/v1/history/${id}`))).toBe("503 needs_restore");
      expect((await service.call<Record<string, number>>("GET", "/v1/admin/metrics")).body["needs_restore"]).toBe(1);
      // The client keeps what it can't send.
      const pending = client.send({ conversation_id: id }, "from the client").acked;
      const { lines, code, stderr } = await restore(id);
      expect(stderr.includes("\"level\":\"error\"")).toBe(false);
      expect(lines).toEqual([expect.objectContaining({ conversation_id: id, result: "restored", epoch: 2, head_seq: head + 10, known_seq: head + 10, lost: null, unasked: 0 })]);
      expect(code).toBe(0);
      const after = await seen(ann, id);
      expect({ ...after, events: after.events.slice(0, head) }).toEqual(before);
      expect(after.events.slice(head, head + 10).map((event) => (event.type === "msg" ? `${event.seq} ${event.content}` : event.type))).toEqual(range(10).map((i) => `${head + i} message ${30 + i}`));
      expect((await pending).epoch).toBe(2);
      const again = await ann.call<{ seq: number; dup?: boolean; epoch: number }>("POST", "/v1/messages", { conversation_id: id, content: "another", client_msg_id: "k1" });
      expect([again.status, again.body.seq, again.body.dup, again.body.epoch]).toEqual([200, 2, true, 2]);
      const next = await ann.send(id, "goes on", { client_msg_id: "later" });
      expect([next.epoch, next.seq > head + 10]).toEqual([2, true]);
      await until(async () => heard, (all) => all.some(({ content, epoch }) => content === "goes on" && epoch === 2));
      const socket = await bob.socket();
      socket.send({ type: "resume", cursors: { [id]: { epoch: 1, seq: head } } });
      expect(await socket.take({ type: "error" })).toMatchObject({ code: "epoch_changed", conversation_id: id });
      // The restored bodies leave the object again, and pages run over both epochs.
      await until(() => statsOf(service, id), ({ pruned_seq }) => pruned_seq > head + 2);
      expect((await bob.history(id)).map(({ seq, epoch }) => [seq, epoch]).slice(0, head)).toEqual(range(head).map((seq) => [seq, 2]));
      const audited = await archiverCommand(product, ["audit", id], given().env);
      expect(audited.lines).toEqual([expect.objectContaining({ result: "complete", against: "edge" }), { conversations: 1, damaged: 0 }]);
      expect((await restore(id)).lines).toEqual([expect.objectContaining({ result: "not_restored", because: expect.stringContaining("it is well") as string })]);
      client.close();
    });

    test("[C14] [A7] who had read what, and when, is what it was before; a stranger learns of nothing meanwhile", async () => {
      const { product } = given();
      const [ann, bob, cyd] = [await newUser(product, "ann"), await newUser(product, "bob"), await newUser(product, "cyd")];
      const { conversation_id: id } = await ann.group([bob]);
      const acks: { msg_id: string }[] = [];
      for (const i of range(8)) acks.push(await ann.send(id, `message ${i}`));
      const receipts = () => Promise.all(acks.map(async ({ msg_id }) => (await ann.call<{ receipts: object[] }>("GET", `/v1/conversations/${id}/receipts?msg_id=${msg_id}`)).body.receipts));
      const socket = await bob.socket();
      socket.send({ type: "receipt", conversation_id: id, up_to_seq: 4, status: "READ" });
      socket.send({ type: "receipt", conversation_id: id, up_to_seq: 7, status: "DELIVERED" });
      const before = await until(receipts, (all) => JSON.stringify(all.flat().map((receipt) => (receipt as { status: string }).status)) === JSON.stringify([
        ...range(3).map(() => "READ"), ...range(3).map(() => "DELIVERED"), ...range(2).map(() => "SENT"),
      ]));
      // They go to the archive with the next acknowledgement.
      for (const i of range(11, 9)) await ann.send(id, `message ${i}`);
      await archivedTo(id, 20);
      await product.stop();
      removeObject(objectFile(product, id));
      await product.restart();
      expect(codeOf(await ann.call("POST", "/v1/messages", { conversation_id: id, content: "lost?", client_msg_id: "lost" }))).toBe("503 needs_restore");
      const asked = [["GET", `/v1/history/${id}`], ["GET", `/v1/conversations/${id}`], ["PUT", `/v1/conversations/${id}/members/${cyd.name}`], ["POST", "/v1/messages"]] as const;
      for (const [method, path] of asked) {
        const ask = async (user: User, conversation_id: string) => {
          const body = method === "GET" ? undefined : path === "/v1/messages" ? { conversation_id, content: "x", client_msg_id: randomUUID() } : {};
          const { status, body: answer } = await user.call(method, path.replace(id, conversation_id), body);
          return { status, answer };
        };
        expect(await ask(cyd, id), path).toEqual(await ask(cyd, `g.${"0".repeat(32)}`));
        expect((await ask(bob, id)).status, path).toBe(503);
      }
      const { lines } = await restore(id);
      // Ann has read by sending.
      expect(lines).toEqual([expect.objectContaining({ result: "restored", head_seq: 20, lost: null, content_lost: [], receipts: 2 })]);
      expect(await receipts()).toEqual(before);
    });

    test("[C14] a conversation whose storage is an old copy is noticed; what neither it nor the archive has is named", async () => {
      const { product } = given();
      const { id, bob, head } = await lived();
      await archivedTo(id, head);
      await product.stop();
      const file = objectFile(product, id);
      const copy = path.join(product.dataDir, "old-copy");
      copyObject(file, copy);
      await product.restart();
      for (const i of range(3, 31)) await bob.send(id, `message ${i}`);
      await archivedTo(id, head + 3);
      await bob.send(id, "acknowledged, and lost");
      // Every inbox has it.
      const service = await operator(product);
      await until(() => statsOf(service, id), ({ fanout_seq, lagging }) => fanout_seq === head + 4 && lagging === 0);
      await product.stop();
      copyObject(copy, file);
      await product.restart();
      expect(codeOf(await bob.call("POST", "/v1/messages", { conversation_id: id, content: "x", client_msg_id: "x" }))).toBe("503 needs_restore");
      const { lines, code } = await restore(id);
      const [report] = lines as [{ head_seq: number; known_seq: number; lost: { from_seq: number; to_seq: number } | null }];
      expect(report).toMatchObject({ result: "restored", epoch: 2, known_seq: head + 4 });
      // The last one was sealed in time, or it was not.
      expect(report.lost).toEqual(report.head_seq === head + 4 ? null : { from_seq: head + 4, to_seq: head + 4 });
      expect(report.head_seq).toBeGreaterThanOrEqual(head + 3);
      expect(code).toBe(0);
      expect((await bob.send(id, "goes on")).epoch).toBe(2);
    });

    test("[C14] a restore that is killed again and again ends in the same conversation", async () => {
      const { product, env } = given();
      const { id, ann, head } = await lived();
      await archivedTo(id, head);
      const before = await seen(ann, id);
      await product.stop();
      removeObject(objectFile(product, id));
      await product.restart();
      let killed = 0;
      // From before its first step on, and with more time each time.
      for (let wait = 100; ; wait *= 1.3) {
        const command = startArchiverCommand(product, ["restore", id], env);
        const kill = setTimeout(() => command.kill("SIGKILL"), wait);
        const ended = await command.ended;
        clearTimeout(kill);
        // Under load the store may not answer in time at the start: that is one more try.
        if (ended.code === 0) {
          expect(ended.lines).toEqual([expect.objectContaining({ epoch: 2, head_seq: head })]);
          break;
        }
        // It was killed behind its last step: nothing is left to restore.
        if (String(ended.lines[0]?.["because"]).includes("it is well")) break;
        killed += ended.code === null ? 1 : 0;
      }
      expect(killed).toBeGreaterThan(0);
      expect(await seen(ann, id)).toEqual(before);
    });
  });
}
