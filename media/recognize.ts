// What a file is by its first bytes.
import { fileTypeFromBuffer } from "file-type";

/** Without parameters: `audio/ogg; codecs=opus` is `audio/ogg`. null for bytes that nothing is known to begin with, such as text. */
export async function recognize(start: Uint8Array): Promise<string | null> {
  const found = await fileTypeFromBuffer(start);
  return found?.mime.replace(/;.*$/, "") ?? null;
}
