// Coming back: what a device is told of all that it missed, whatever is broken or under way meanwhile.
import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { conversation, Device, directId } from "./objects.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const msg = (to: string, key: string) => ({ type: "msg", to, content: key, client_msg_id: key.replaceAll(" ", "-") });

async function direct(a: string, b: string, texts: string[]): Promise<string> {
  const [one, other] = [await Device.connect(a, "setup"), await Device.connect(b, "setup")];
  for (const text of texts) one.send(msg(b, text));
  await other.until((device) => device.messages().length === texts.length);
  one.close();
  other.close();
  return directId(a, b);
}

/** Every call of `method` fails as a restarted object's do, `times` times. */
async function breakCalls(id: string, method: "resume", times: number): Promise<void> {
  await runInDurableObject(conversation(id), (object) => {
    const prototype = Object.getPrototypeOf(object) as { resume(call: object): Promise<unknown> };
    const plain = prototype[method];
    let left = times;
    vi.spyOn(prototype, method).mockImplementation(async function (this: unknown, call) {
      if (left > 0 && (this as { ctx: DurableObjectState }).ctx.id.name === id) {
        left -= 1;
        throw new Error("the object was restarted");
      }
      return plain.call(this as never, call);
    });
  });
}

const cursors = (ids: string[]) => Object.fromEntries(ids.map((id) => [id, { epoch: 1, seq: 0 }]));

test("[D11] a conversation that restarts while a device resumes is asked again", async () => {
  const [first, second] = [await direct("res-ann", "res-bob", ["a"]), await direct("res-ann", "res-cat", ["b"])];
  await breakCalls(first, "resume", 1);
  const ann = await Device.connect("res-ann", "phone");
  ann.send({ type: "resume", cursors: cursors([first, second]), user_seq: 0 });
  await ann.until((device) => device.messages().length === 2);
  expect(ann.frames.filter((frame) => frame["type"] === "error")).toEqual([]);
});

test("[D11] a conversation that stays away is named, and all others resume", async () => {
  const [first, second] = [await direct("away-ann", "away-bob", ["a"]), await direct("away-ann", "away-cat", ["b"])];
  await breakCalls(first, "resume", Number.POSITIVE_INFINITY);
  const ann = await Device.connect("away-ann", "phone");
  ann.send({ type: "resume", cursors: cursors([first, second]), user_seq: 0 });
  await ann.until((device) => device.messages().length === 1 && device.frames.some((frame) => frame["type"] === "error"));
  expect(ann.messages()).toEqual(["b"]);
  expect(ann.frames.find((frame) => frame["type"] === "error")).toMatchObject({ type: "error", code: "unavailable", retryable: true, conversation_id: first });
});
