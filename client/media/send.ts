// Sending a file: what a message says of it, and the two ways there, as a message of the outbox or by itself.
import * as v from "valibot";
import { Media, type MediaKind } from "../../protocol/media.ts";
import type { Environment } from "../environment.ts";
import type { MediaOptions, Target, UploadOptions } from "../options.ts";
import type { OutboxDraft } from "../outbox.ts";
import type { Rest } from "../rest.ts";
import type { Sending } from "../sending.ts";
import type { Message } from "../timeline.ts";
import { fileNameOf, mediaTypeOf } from "./types.ts";
import { uploadFile } from "./upload.ts";

export interface SendParts {
  outbox: { add(draft: OutboxDraft, file: Blob): Sending; described(sending: Sending, media: Media): void };
  uploads: { wait(sending: Sending, described: Promise<unknown>): void };
  events: { on(name: "upload", listener: (sending: Sending) => void): () => void };
}

export interface UploadParts {
  rest: Rest;
  settled: { environment: Environment };
}

/** At the store. `media_key` is the upload's own, and good for one message. */
export interface Uploaded {
  media_key: string;
  kind: MediaKind;
  content_type: string;
  size: number;
}

/** What a message says of its file; null where it has none. What a newer version says there is left out. */
export function mediaOf({ media_key, media }: Pick<Message, "media_key" | "media">): Media | null {
  if (media_key === undefined) return null;
  const result = v.safeParse(Media, media ?? {});
  return result.success ? result.output : {};
}

export function sendFile({ outbox, uploads, events }: SendParts, target: Target, file: Blob, options: MediaOptions): Sending {
  const { kind, content_type, media, content = "", signal, onProgress, ...rest } = options;
  const upload = typeOf(file, { kind, content_type });
  const known = media instanceof Promise ? {} : media;
  const name = known?.name ?? ("name" in file && typeof file.name === "string" ? fileNameOf(file.name) : null);
  const about = { ...known, ...(name === null ? {} : { name }) };
  const sending = outbox.add({ ...rest, ...target, content, content_type: upload.kind, media: about, upload }, file);
  if (media instanceof Promise) uploads.wait(sending, media.then((found) => outbox.described(sending, { ...about, ...found })));
  const cancel = (): void => void sending.cancel();
  const quiet = onProgress === undefined ? () => undefined : events.on("upload", (one) => {
    if (one === sending && one.upload?.phase === "sending") onProgress(one.upload.sent, one.upload.size);
  });
  signal?.addEventListener("abort", cancel);
  if (signal?.aborted === true) cancel();
  const over = (): void => {
    quiet();
    signal?.removeEventListener("abort", cancel);
  };
  sending.acked.then(over, over);
  return sending;
}

export async function uploadNow({ rest, settled: { environment } }: UploadParts, file: Blob, options: UploadOptions): Promise<Uploaded> {
  const task = typeOf(file, options);
  const { signal = new AbortController().signal, onProgress } = options;
  const media_key = await uploadFile({ rest, environment }, file, task, {
    signal, onProgress: (sent) => onProgress?.(sent, file.size), onHash: () => undefined, onKey: () => undefined, onBegun: () => undefined,
  });
  return { media_key, ...task };
}

function typeOf(file: Blob, { kind, content_type }: { kind?: MediaKind | undefined; content_type?: string | undefined }): Omit<Uploaded, "media_key"> {
  const found = mediaTypeOf(content_type ?? file.type);
  return { kind: kind ?? found.kind, content_type: content_type ?? found.content_type, size: file.size };
}
