// Small pictures that ride in a message, made from large ones and shown until those are there.
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";
import type { Media } from "../../client/client.ts";
import { element } from "../element.ts";

/** Characters of base64 that a message's thumbnail may have. */
const MOST = 12 * 1024;
/** Longer edge in pixels and quality, tried in this order until one is small enough. */
const TRIES = [[320, 0.7], [320, 0.5], [240, 0.5], [160, 0.5], [96, 0.4], [48, 0.3]] as const;
/** The longer edge that thumbhash takes. */
const HASHED = 100;

/** Thumbnail and thumbhash of a picture of this size. */
export async function smallPictures(picture: CanvasImageSource, width: number, height: number): Promise<Pick<Media, "thumbnail" | "thumbhash">> {
  const hashed = drawn(picture, width, height, HASHED);
  const pixels = hashed.getContext("2d")?.getImageData(0, 0, hashed.width, hashed.height);
  const thumbhash = pixels === undefined ? {} : { thumbhash: toBase64(rgbaToThumbHash(pixels.width, pixels.height, pixels.data)) };
  for (const [edge, quality] of TRIES) {
    const thumbnail = await encoded(drawn(picture, width, height, edge), quality);
    if (thumbnail.length <= MOST) return { ...thumbhash, thumbnail };
  }
  return thumbhash;
}

/** A canvas that shows a thumbhash; null where it is none. */
export function thumbhashView(thumbhash: string): HTMLCanvasElement | null {
  try {
    const { w, h, rgba } = thumbHashToRGBA(fromBase64(thumbhash));
    const canvas = element("canvas", { width: String(w), height: String(h), "aria-hidden": "true" });
    canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0);
    return canvas;
  } catch {
    // Whatever a sender wrote there: the picture itself comes all the same.
    return null;
  }
}

/** A thumbnail as a file of the type that its first bytes say; null where it is no picture. */
export function thumbnailFile(thumbnail: string): Blob | null {
  const bytes = fromBase64(thumbnail);
  const type = bytes[0] === 0xff && bytes[1] === 0xd8 ? "image/jpeg" : String.fromCharCode(...bytes.slice(8, 12)) === "WEBP" ? "image/webp" : null;
  return type === null ? null : new Blob([bytes], { type });
}

function drawn(picture: CanvasImageSource, width: number, height: number, edge: number): HTMLCanvasElement {
  const scale = Math.min(1, edge / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const canvas = element("canvas", { width: String(w), height: String(h) });
  const context = canvas.getContext("2d");
  if (context !== null) {
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, w, h);
  }
  return canvas;
}

/** WebP, or JPEG where the browser writes none. */
async function encoded(canvas: HTMLCanvasElement, quality: number): Promise<string> {
  const webp = await blobOf(canvas, "image/webp", quality);
  const blob = webp?.type === "image/webp" ? webp : await blobOf(canvas, "image/jpeg", quality);
  if (blob === null) throw new Error("the canvas gives no picture");
  return toBase64(new Uint8Array(await blob.arrayBuffer()));
}

function blobOf(canvas: HTMLCanvasElement, type: string, quality: number): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
}
