// Every limit that a client can meet, in one place. Sizes are UTF-8 bytes, times milliseconds.

/** Bytes of one message's `content`. */
export const CONTENT_BYTES = 64 * 1024;
/** Bytes of one wire unit: a text message of a socket, or a REST body. */
export const FRAME_BYTES = 128 * 1024;
/** Frames in one JSON array. */
export const FRAMES_PER_ARRAY = 1_000;
/** Conversations named by one `resume`. */
export const RESUME_CURSORS = 1_000;
/** Events that a resume pushes before it asks the client to pull. */
export const RESUME_EVENTS = 50;
/** Events of a history page: what is given without `limit`, and the most. */
export const PAGE = 50;
export const PAGE_MAX = 100;
/** Characters of an id (user, device, client_msg_id). */
export const ID_LENGTH = 128;
/** Bytes of a group's title. */
export const TITLE_BYTES = 512;
/** Members of a group, its creator among them. */
export const GROUP_MEMBERS = 500;
/** Longest life of a token, and what clocks may differ by, in seconds. */
export const TOKEN_LIFE_S = 3_600;
export const CLOCK_TOLERANCE_S = 30;
/** The newest bytes of events that one delivery or page carries, so that a call stays far below the platform's 32 MiB. */
export const BATCH_BYTES = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/** Length of `text` in UTF-8 bytes. */
export function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}
