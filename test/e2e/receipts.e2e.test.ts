// States and receipts over real sockets: SENT, DELIVERED and READ, who is told, and what the receipts endpoint says.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MessageReceipt } from "../../protocol/rpc.ts";
import { startProduct, type Product } from "../product.ts";
import { codeOf, newUser, operator, untilSettled, type User } from "./api.ts";
import type { RawSocket } from "./raw-socket.ts";

let product: Product;
let service: User;

beforeAll(async () => {
  product = await startProduct({ env: { CONFAB_RATE_LIMIT: "0" } });
  service = await operator(product);
});

afterAll(() => product.discard());

const receipt = (conversation_id: string, up_to_seq: number, status: "DELIVERED" | "READ") => ({ type: "receipt", conversation_id, up_to_seq, status });

async function pair(): Promise<{ ann: User; bob: User; phone: RawSocket; bobs: RawSocket }> {
  const [ann, bob] = [await newUser(product, "ann"), await newUser(product, "bob")];
  return { ann, bob, phone: await ann.socket({ device_id: "phone" }), bobs: await bob.socket({ device_id: "b" }) };
}

async function receiptsOf(user: User, conversationId: string, msgId: string): Promise<MessageReceipt[]> {
  const answer = await user.call<{ receipts: MessageReceipt[] }>("GET", `/v1/conversations/${conversationId}/receipts?msg_id=${msgId}`);
  expect(answer.status).toBe(200);
  return answer.body.receipts;
}

const memberStatuses = (socket: RawSocket): string[] =>
  socket.frames.filter((frame) => frame.type === "status" && "user_id" in frame).map((frame) => `${String(frame["user_id"])} ${String(frame["status"])} ${String(frame["up_to_seq"])}`);

describe("[A6] [E1] the states of a message", () => {
  test("[R1] SENT with the ack, DELIVERED with the device's receipt, READ with the next: each is pushed to the sender", async () => {
    const { ann, bob, phone, bobs } = await pair();
    const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
    expect(ack["status"]).toBe("SENT");
    const conversationId = ack["conversation_id"] as string;
    await bobs.take({ type: "msg", seq: 1 });
    await untilSettled(service, conversationId);
    // A push is no receipt.
    expect(await receiptsOf(ann, conversationId, ack["msg_id"] as string)).toEqual([
      { message_id: ack["msg_id"], user_id: bob.name, status: "SENT", updated_at: ack["sent_at"] },
    ]);
    expect(memberStatuses(phone)).toEqual([]);
    bobs.send(receipt(conversationId, 1, "DELIVERED"));
    const delivered = await phone.take({ type: "status", user_id: bob.name });
    expect(delivered).toMatchObject({ conversation_id: conversationId, status: "DELIVERED", up_to_seq: 1, at: expect.any(Number) as unknown });
    expect(await phone.take({ type: "status", msg_id: ack["msg_id"] })).toMatchObject({ seq: 1, delivered: 1, read: 0, total: 1 });
    expect(await receiptsOf(ann, conversationId, ack["msg_id"] as string)).toMatchObject([{ user_id: bob.name, status: "DELIVERED", updated_at: delivered["at"] }]);
    bobs.send(receipt(conversationId, 1, "READ"));
    await phone.take({ type: "status", user_id: bob.name, status: "READ", up_to_seq: 1 });
    expect(await phone.take({ type: "status", msg_id: ack["msg_id"], read: 1 })).toMatchObject({ delivered: 1, total: 1 });
  });

  test("[R2] READ alone is DELIVERED too, and is told as both, in that order", async () => {
    const { bob, phone, bobs } = await pair();
    const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
    await bobs.take({ type: "msg" });
    bobs.send(receipt(ack["conversation_id"] as string, 1, "READ"));
    await phone.take({ type: "status", status: "READ" });
    expect(memberStatuses(phone)).toEqual([`${bob.name} DELIVERED 1`, `${bob.name} READ 1`]);
  });
});

test("[R3] the receipts of a message that is absent, foreign or no message are the same not_found", async () => {
  const { ann, bob, phone } = await pair();
  const stranger = await newUser(product, "eve");
  const ack = await phone.ask({ type: "msg", to: bob.name, content: "hi", client_msg_id: "1" });
  const id = ack["conversation_id"] as string;
  const absent = (ack["msg_id"] as string).replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
  const answers = await Promise.all([
    ann.call("GET", `/v1/conversations/${id}/receipts?msg_id=${absent}`),
    stranger.call("GET", `/v1/conversations/${id}/receipts?msg_id=${ack["msg_id"] as string}`),
    stranger.call("GET", `/v1/conversations/d.${"0".repeat(64)}/receipts?msg_id=${absent}`),
  ]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers.map(codeOf)).toEqual(["404 not_found", "404 not_found", "404 not_found"]);
  expect(codeOf(await ann.call("GET", `/v1/conversations/${id}/receipts`))).toBe("400 bad_request");
});

