// What can be told of a file before it is sent: dimensions, length, waveform, small pictures. What can't be found out is left
// out, and the file goes all the same.
import type { Media, MediaKind } from "../../client/client.ts";
import { smallPictures } from "./thumbnail.ts";
import { waveformOf } from "./waveform.ts";

/** Longer than this nobody waits for it, ms. */
const LIMIT_MS = 6_000;
/** Decoded, a file of this size takes some hundred megabytes for a moment. */
const DECODED_BYTES = 16 * 1024 * 1024;
/** Samples a second that a waveform needs; the least that browsers decode to. */
const RATE = 8_000;
/** Where a film shows something, s. */
const FRAME_AT = 0.5;
const MOST_PIXELS = 65_535;

export async function describeFile(file: Blob, kind: MediaKind, content_type: string): Promise<Media> {
  const late = new Promise<Media>((resolve) => setTimeout(resolve, LIMIT_MS, {}));
  return Promise.race([late, described(file, kind, content_type).catch(() => ({}))]);
}

async function described(file: Blob, kind: MediaKind, content_type: string): Promise<Media> {
  if (kind === "image" && content_type !== "image/svg+xml") return ofImage(file);
  if (kind === "video") return ofVideo(file);
  return kind === "audio" ? ofAudio(file) : {};
}

async function ofImage(file: Blob): Promise<Media> {
  const picture = await createImageBitmap(file);
  try {
    return { ...sizeOf(picture.width, picture.height), ...(await smallPictures(picture, picture.width, picture.height)) };
  } finally {
    picture.close();
  }
}

function ofVideo(file: Blob): Promise<Media> {
  return withPlayer("video", file, async (video) => {
    const duration = await lengthOf(video);
    const length = duration === null ? {} : { duration_ms: Math.round(duration * 1_000) };
    const { videoWidth: width, videoHeight: height } = video;
    if (width === 0) return length;
    await reached(video, Math.min(FRAME_AT, (duration ?? 0) / 2));
    return { ...length, ...sizeOf(width, height), ...(await smallPictures(video, width, height)) };
  });
}

async function ofAudio(file: Blob): Promise<Media> {
  if (file.size <= DECODED_BYTES) {
    const decoded = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
    return { duration_ms: Math.round(decoded.duration * 1_000), waveform: waveformOf(decoded.getChannelData(0)) };
  }
  return withPlayer("audio", file, async (audio) => {
    const duration = await lengthOf(audio);
    return duration === null ? {} : { duration_ms: Math.round(duration * 1_000) };
  });
}

function sizeOf(width: number, height: number): Pick<Media, "width" | "height"> {
  return width > 0 && height > 0 && Math.max(width, height) <= MOST_PIXELS ? { width, height } : {};
}

async function withPlayer<Tag extends "video" | "audio">(tag: Tag, file: Blob, read: (player: HTMLElementTagNameMap[Tag]) => Promise<Media>): Promise<Media> {
  const player = document.createElement(tag);
  const url = URL.createObjectURL(file);
  try {
    player.muted = true;
    player.preload = "auto";
    const loaded = event(player, "loadeddata");
    player.src = url;
    await loaded;
    return await read(player);
  } finally {
    player.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

/** In s. What a browser recorded says its length only at its end: it is looked for there. */
async function lengthOf(player: HTMLMediaElement): Promise<number | null> {
  if (player.duration === Number.POSITIVE_INFINITY) await reached(player, Number.MAX_SAFE_INTEGER);
  return Number.isFinite(player.duration) ? player.duration : null;
}

async function reached(player: HTMLMediaElement, seconds: number): Promise<void> {
  const seeked = event(player, "seeked");
  player.currentTime = seconds;
  await seeked;
}

function event(player: HTMLMediaElement, name: "loadeddata" | "seeked"): Promise<void> {
  return new Promise((resolve, reject) => {
    player.addEventListener(name, () => resolve(), { once: true });
    player.addEventListener("error", () => reject(new Error(player.error?.message ?? "it can't be played")), { once: true });
  });
}
