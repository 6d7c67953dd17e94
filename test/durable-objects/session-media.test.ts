// A file on its way through a session: what is claimed, in which order things go on, and what is refused.
import { expect, test } from "vitest";
import { Lanes } from "../../durable-objects/session/lanes.ts";
import { type MediaDraft, type MediaPorts, prepareMedia } from "../../durable-objects/session/media.ts";
import type { AppendAnswer, AppendItem, AppendReply, MsgItem, Result } from "../../protocol/rpc.ts";
import type { Claimed, Upload } from "../../protocol/rpc/media.ts";

const KEY = `m/${"a".repeat(64)}`;
const UPLOAD: Upload = { key: "up/ann/1", kind: "image", content_type: "image/png", size: 9, sha256: "0".repeat(64), upload_id: null, created_at: 0 };
const CLAIMED: Result<Claimed> = { ok: true, content_type: "image/png", size: 9, until: 1_000 };
const DRAFT: MediaDraft = { client_msg_id: "1", conversation_id: "g", content: "", content_type: "image", media_key: UPLOAD.key };

function ports(given: Partial<MediaPorts> = {}): MediaPorts & { asked: unknown[] } {
  const asked: unknown[] = [];
  return {
    asked, userId: () => "ann", keyOf: () => KEY, readUpload: (key) => (key === UPLOAD.key ? UPLOAD : null),
    claim: async (key, call) => {
      asked.push(["claim", key, call.reference, call.upload?.key ?? null]);
      return CLAIMED;
    },
    mayDownload: async (...call) => {
      asked.push(["may", ...call]);
      return { ok: true };
    },
    failed: () => undefined, ...given,
  };
}

test("[M11] an upload is claimed for the message that it is sent with, and the server says what it is", async () => {
  const ask = ports();
  expect(await prepareMedia({ ...DRAFT, media: { width: 1, content_type: "text/html", size: 1 } }, "g", ask))
    .toEqual({ media_key: KEY, media: { width: 1, content_type: "image/png", size: 9 }, claimed_until: 1_000 });
  expect(ask.asked).toEqual([["claim", KEY, { conversation_id: "g", sender_id: "ann", client_msg_id: "1" }, UPLOAD.key]]);
});

test("[M8] what is sent on is claimed only where the sender sees it", async () => {
  const seen = ports();
  expect(await prepareMedia({ ...DRAFT, media_key: KEY, media_from: "g.from" }, "g", seen)).toMatchObject({ media_key: KEY });
  expect(seen.asked).toEqual([["may", "g.from", KEY], ["claim", KEY, { conversation_id: "g", sender_id: "ann", client_msg_id: "1" }, null]]);
  const cases: [Partial<MediaDraft>, Partial<MediaPorts>, string][] = [
    [{ media_from: undefined }, {}, "media_not_found"],
    [{ media_from: "g.from" }, { mayDownload: async () => ({ ok: false, code: "not_found" }) }, "media_not_found"],
    [{ media_from: "g.from" }, { mayDownload: async () => ({ ok: false, code: "media_expired" }) }, "media_expired"],
    [{ media_from: "g.from" }, { mayDownload: () => Promise.reject(new Error("no answer")) }, "unavailable"],
  ];
  for (const [draft, answers, code] of cases) {
    const ask = ports({ ...answers, claim: () => Promise.reject(new Error("claimed")) });
    expect(await prepareMedia({ ...DRAFT, media_key: KEY, ...draft } as MediaDraft, "g", ask)).toMatchObject({ refused: { code } });
  }
});

test("[M7] another kind, another's upload and a refused claim go on as refused, and nothing is claimed in vain", async () => {
  const ask = ports();
  expect(await prepareMedia({ ...DRAFT, content_type: "video" }, "g", ask)).toMatchObject({ refused: { code: "bad_frame" } });
  expect(await prepareMedia({ ...DRAFT, media_key: "up/bob/1" }, "g", ask)).toEqual({ refused: { code: "media_not_found" } });
  expect(ask.asked).toEqual([]);
  expect(await prepareMedia(DRAFT, "g", ports({ claim: async () => ({ ok: false, code: "media_mismatch" }) }))).toEqual({ refused: { code: "media_mismatch" } });
  expect(await prepareMedia(DRAFT, "g", ports({ claim: () => Promise.reject(new Error("no answer")) }))).toEqual({ refused: { code: "unavailable", retry_after_ms: 1_000 } });
});

class Lane {
  readonly calls: string[][] = [];
  readonly lanes: Lanes;

  constructor() {
    this.lanes = new Lanes({
      userId: () => "ann", known: () => null, reachable: async () => "yes", alone: () => true, gen: () => 1, missed: () => undefined,
      append: async (conversation_id, call): Promise<AppendReply> => {
        this.calls.push(call.items.map(({ client_msg_id }) => client_msg_id));
        return {
          kind: "answers",
          answers: call.items.map((item): AppendAnswer => ("refused" in item && item.refused !== undefined ? { ok: false, ...item.refused }
            : { ok: true, ack: { type: "ack", client_msg_id: item.client_msg_id, msg_id: "m", conversation_id, epoch: 1, seq: 1, status: "SENT", sent_at: 0 } })),
        };
      },
    });
  }

  send(client_msg_id: string, prepared?: Promise<Partial<MsgItem>>): Promise<AppendAnswer> {
    const item: AppendItem = { client_msg_id, device_id: null, content: client_msg_id, content_type: "text" };
    return new Promise((resolve) => {
      this.lanes.add("g", null, item, resolve, prepared?.then((media) => ({ ...item, ...media })));
    });
  }
}

const code = (answer: AppendAnswer): string => (answer.ok ? "ok" : answer.code);

test("[O3] what is behind a file waits for it, what is before it does not, and files are claimed at once", async () => {
  const lane = new Lane();
  const [first, second] = [Promise.withResolvers<Partial<MsgItem>>(), Promise.withResolvers<Partial<MsgItem>>()];
  const sent = [lane.send("1"), lane.send("2", first.promise), lane.send("3"), lane.send("4", second.promise), lane.send("5")];
  expect(code(await (sent[0] as Promise<AppendAnswer>))).toBe("ok");
  expect(lane.calls).toEqual([["1"]]);
  // The second is ready first, and still comes in its turn.
  second.resolve({ media_key: KEY });
  await second.promise;
  expect(lane.calls).toEqual([["1"]]);
  first.resolve({ media_key: KEY });
  await Promise.all(sent);
  expect(lane.calls).toEqual([["1"], ["2", "3", "4", "5"]]);
});

test("[O3] behind a file that can't be claimed now nothing goes on: it is all sent again, in its order; a refused one holds up nobody", async () => {
  const lane = new Lane();
  const sent = [lane.send("1", Promise.resolve({ refused: { code: "media_mismatch" as const } })), lane.send("2"), lane.send("3", Promise.resolve({ refused: { code: "unavailable" as const } })), lane.send("4"), lane.send("5", Promise.resolve({ media_key: KEY }))];
  expect((await Promise.all(sent)).map(code)).toEqual(["media_mismatch", "ok", "unavailable", "unavailable", "unavailable"]);
  expect(lane.calls.flat()).toEqual(["1", "2", "3"]);
  expect(code(await lane.send("3"))).toBe("ok");
});
