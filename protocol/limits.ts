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
/** Entries of a page, events of history among them: what is given without `limit`, and the most of any list. */
export const PAGE = 50;
export const PAGE_MAX = 100;
/** The most events of a history page; beyond PAGE_MAX there are only as many as these characters of bodies hold. */
export const HISTORY_PAGE_MAX = 1_000;
export const HISTORY_PAGE_UNITS = 512 * 1024;
/** Characters of an id (user, device, client_msg_id). */
export const ID_LENGTH = 128;
/** Bytes of a group's title. */
export const TITLE_BYTES = 512;
/** Members of a group, its creator among them. */
export const GROUP_MEMBERS = 500;
/** Users that one message mentions. */
export const MENTIONS = 50;
/** Unread messages that mention a user, of which a conversation's row knows the seqs. */
export const MENTIONS_KEPT = 1_000;
/** Bytes of a reaction's emoji, and different ones on a message. */
export const EMOJI_BYTES = 64;
export const EMOJIS = 64;
/** Users that history names for a reaction. */
export const REACTION_USERS = 20;
/** Times that a message is edited. */
export const EDITS = 100;
/** Characters of a message that the conversation list shows. */
export const PREVIEW_UNITS = 200;
/** Users of one presence query or subscription, and how long a subscription lives without being renewed. */
export const PRESENCE_USERS = 200;
export const PRESENCE_SUB_MS = 60_000;
/** Devices that are told of one user's changes; any more see only how it is when they ask. */
export const PRESENCE_WATCHERS = 1_000;
/** The asker's groups that are looked through for one in common: the last active ones. */
export const PRESENCE_GROUPS = 200;
/** Users that may be asked for: this many at once and a second for each of the user's own requests. */
export const PRESENCE_BURST_FACTOR = 50;
export const PRESENCE_RATE_FACTOR = 10;
/** Typing is passed on this often for a sender and conversation, and means this long. */
export const TYPING_EVERY_MS = 3_000;
export const TYPING_MS = 6_000;
/** Times that typing in one conversation is shown to somebody in TYPING_EVERY_MS; beyond, nobody else is shown to type. */
export const TYPING_SHOWS = 500;
/** Conversations that one device has open. */
export const OPEN_CONVERSATIONS = 20;
/** Devices of a user; the one that connected first makes room. */
export const DEVICES = 10;
/** How long a poll may be held, and what waits for one: frames, and characters of them. */
export const POLL_WAIT_MS = 25_000;
export const POLL_FRAMES = 256;
export const POLL_UNITS = 1024 * 1024;
/** Changed conversations that one answer names. */
export const CHANGES_MAX = 1_000;
/** Devices that are registered for pushes; the one that was longest not registered again makes room. */
export const PUSH_DEVICES = 10;
/** Characters of a push service's token for a device. */
export const PUSH_TOKEN_LENGTH = 4_096;
/** What a session holds of a device whose client_sequence_number came early: frames, and how long. */
export const HELD_FRAMES = 32;
export const HELD_MS = 2_000;
/** Bytes of a user's custom fields and name. */
export const CUSTOM_BYTES = 4 * 1024;
export const NAME_BYTES = 256;
/** Users of one call of the service API, and bytes of its body. */
export const BULK_USERS = 1_000;
export const BULK_BYTES = 8 * 1024 * 1024;
/** Searches for people a second and user, how many at once, and how many people one shows. */
export const FIND_RATE = 5;
export const FIND_BURST = 10;
export const FOUND = 20;
/** Changes of one's own handle a second, and how many at once; and of tries, which somebody else's handle ends. */
export const HANDLE_RATE = 1 / 3_600;
export const HANDLE_BURST = 5;
export const HANDLE_TRY_RATE = 1 / 60;
export const HANDLE_TRY_BURST = 20;
/** Users that one user blocks. */
export const BLOCKS = 1_000;
/** Reports a second and user, and how many at once. */
export const REPORT_RATE = 1 / 60;
export const REPORT_BURST = 10;
/** Bytes of a report's reason. */
export const REASON_BYTES = 2 * 1024;
/** Bytes of events that a device may have without a receipt; how many events, a setting says. */
export const CREDIT_BYTES = 1024 * 1024;
/** Characters of a search; its terms, their words together, and how many of them may be beginnings. */
export const SEARCH_UNITS = 256;
export const SEARCH_TERMS = 16;
export const SEARCH_TOKENS = 64;
export const SEARCH_PREFIXES = 4;
/** Hits of a page: what is given without `limit`, and the most; and places that are marked in one. */
export const SEARCH_PAGE = 20;
export const SEARCH_PAGE_MAX = 50;
export const HIGHLIGHTS = 100;
/** Conversations that are looked through together, the last active first, and by one request. */
export const SEARCH_WINDOW = 50;
export const SEARCH_CONVERSATIONS = 200;
/** Searches of a conversation a second and user, and how many at once; and of all that the user has. */
export const SEARCH_RATE = 5;
export const SEARCH_BURST = 20;
export const SEARCH_ALL_RATE = 1;
export const SEARCH_ALL_BURST = 5;
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
