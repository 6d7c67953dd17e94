// Frames that a server must refuse, as texts; most of them are one field away from a good message.
import type { ErrorCode } from "../../protocol/errors.ts";

/** Where a good message would go. */
export interface Place {
  readonly to: string;
  readonly conversation_id: string;
}

/** A good message with some fields changed; undefined takes one away. */
export function msg(place: Place, changed: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ type: "msg", to: place.to, content: "x", client_msg_id: "bad", ...changed });
}

/** JSON in which a number stands that JSON.stringify would not write. */
function withNumber(text: string, number: string): string {
  return text.replace('"#"', number);
}

/** A name, the text, and the code that answers it. */
export const BAD_FRAMES: readonly (readonly [string, (place: Place) => string, ErrorCode])[] = [
  ["an empty text", () => "", "bad_frame"],
  ["blanks", () => "  \n", "bad_frame"],
  ["no JSON", () => "hello", "bad_frame"],
  ["half a frame", (place) => msg(place, {}).slice(0, -5), "bad_frame"],
  ["two frames in a row", (place) => msg(place, {}) + msg(place, {}), "bad_frame"],
  ["single quotes", (place) => msg(place, {}).replaceAll('"', "'"), "bad_frame"],
  ["a trailing comma", (place) => msg(place, {}).replace(/\}$/, ",}"), "bad_frame"],
  ["NaN", (place) => withNumber(msg(place, { extra: "#" }), "NaN"), "bad_frame"],
  ["a byte order mark", (place) => `\uFEFF${msg(place, {})}`, "bad_frame"],
  ["a raw NUL", (place) => msg(place, { content: "#" }).replace("#", "\u0000"), "bad_frame"],
  ["null", () => "null", "bad_frame"],
  ["true", () => "true", "bad_frame"],
  ["a number", () => "1e999", "bad_frame"],
  ["a string", (place) => JSON.stringify(msg(place, {})), "bad_frame"],
  ["[]", () => "[]", "bad_frame"],
  ["[[]]", () => "[[]]", "bad_frame"],
  ["a frame in two arrays", (place) => `[[${msg(place, {})}]]`, "bad_frame"],
  ["[null]", () => "[null]", "bad_frame"],
  ["1,001 frames", () => `[${Array.from({ length: 1_001 }, () => "1").join(",")}]`, "bad_frame"],
  ["60,000 arrays in one another", () => "[".repeat(60_000) + "]".repeat(60_000), "bad_frame"],
  ["{}", () => "{}", "bad_frame"],
  ["type missing", (place) => msg(place, { type: undefined }), "bad_frame"],
  ["type null", (place) => msg(place, { type: null }), "bad_frame"],
  ["type a list", (place) => msg(place, { type: ["msg"] }), "bad_frame"],
  ["an unknown type", (place) => msg(place, { type: "shout" }), "unknown_type"],
  ["type MSG", (place) => msg(place, { type: "MSG" }), "unknown_type"],
  ["type __proto__", (place) => msg(place, { type: "__proto__" }), "unknown_type"],
  ["type constructor", (place) => msg(place, { type: "constructor" }), "unknown_type"],
  ["type toString", (place) => msg(place, { type: "toString" }), "unknown_type"],
  ["a server's type", (place) => msg(place, { type: "ack" }), "unknown_type"],
  ["type TEXT", (place) => msg(place, { type: "TEXT" }), "unknown_type"],
  ["type image", (place) => msg(place, { type: "image" }), "unknown_type"],
  ["a lone surrogate in a token", () => '{"type":"auth_refresh","token":"\\ud800"}', "bad_frame"],
  ["PING", () => "PING", "bad_frame"],
  ["fields behind __proto__", (place) => `{"type":"msg","__proto__":{"to":"${place.to}","content":"x","client_msg_id":"bad"}}`, "bad_frame"],
  ["both to and conversation_id", (place) => msg(place, { conversation_id: place.conversation_id }), "bad_frame"],
  ["neither to nor conversation_id", (place) => msg(place, { to: undefined }), "bad_frame"],
  ["to null", (place) => msg(place, { to: null }), "bad_frame"],
  ["to null beside a conversation_id", (place) => msg(place, { to: null, conversation_id: place.conversation_id }), "bad_frame"],
  ["to a number", (place) => msg(place, { to: 1 }), "bad_frame"],
  ["to a list", (place) => msg(place, { to: [place.to] }), "bad_frame"],
  ["to nobody", (place) => msg(place, { to: "" }), "bad_frame"],
  ["to with a blank", (place) => msg(place, { to: "bob smith" }), "bad_frame"],
  ["to with a slash", (place) => msg(place, { to: "../bob" }), "bad_frame"],
  ["to of 129 characters", (place) => msg(place, { to: "x".repeat(129) }), "bad_frame"],
  ["to beyond ASCII", (place) => msg(place, { to: "bøb" }), "bad_frame"],
  ["a conversation_id of no kind", (place) => msg(place, { to: undefined, conversation_id: "general" }), "bad_frame"],
  ["a conversation_id of a made-up group", (place) => msg(place, { to: undefined, conversation_id: `g.${"X".repeat(32)}` }), "bad_frame"],
  ["a conversation_id with a newline behind", (place) => msg(place, { to: undefined, conversation_id: `${place.conversation_id}\n` }), "bad_frame"],
  ["client_msg_id missing", (place) => msg(place, { client_msg_id: undefined }), "bad_frame"],
  ["client_msg_id empty", (place) => msg(place, { client_msg_id: "" }), "bad_frame"],
  ["client_msg_id a number", (place) => msg(place, { client_msg_id: 1 }), "bad_frame"],
  ["client_msg_id of 129 characters", (place) => msg(place, { client_msg_id: "x".repeat(129) }), "bad_frame"],
  ["client_msg_id with a newline", (place) => msg(place, { client_msg_id: "a\n" }), "bad_frame"],
  ["content missing", (place) => msg(place, { content: undefined }), "bad_frame"],
  ["content empty", (place) => msg(place, { content: "" }), "bad_frame"],
  ["content null", (place) => msg(place, { content: null }), "bad_frame"],
  ["content a number", (place) => msg(place, { content: 5 }), "bad_frame"],
  ["content a list", (place) => msg(place, { content: ["x"] }), "bad_frame"],
  ["content an object", (place) => msg(place, { content: { text: "x" } }), "bad_frame"],
  ["a lone high surrogate", (place) => msg(place, { content: "a\uD83D" }), "bad_frame"],
  ["a lone low surrogate", (place) => msg(place, { content: "\uDE00a" }), "bad_frame"],
  ["surrogates the wrong way round", (place) => msg(place, { content: "\uDE00\uD83D" }), "bad_frame"],
  ["a raw U+FFFD", (place) => msg(place, { content: "a\uFFFD" }), "bad_frame"],
  ["a raw U+FFFD in a field that is ignored", (place) => msg(place, { ignored: "\uFFFD" }), "bad_frame"],
  ["an unknown content_type", (place) => msg(place, { content_type: "gif" }), "bad_frame"],
  ["content_type IMAGE", (place) => msg(place, { content_type: "IMAGE" }), "bad_frame"],
  ["content_type a number", (place) => withNumber(msg(place, { content_type: "#" }), "-1e400"), "bad_frame"],
  ["content_type __proto__", (place) => msg(place, { content_type: "__proto__" }), "bad_frame"],
  ["a media_key that is none", (place) => msg(place, { media_key: "m/0123" }), "media_not_found"],
  ["a media_key without content", (place) => msg(place, { media_key: "m/0123", content: undefined, content_type: "image" }), "media_not_found"],
  ["IMAGE with a media_key", (place) => msg(place, { type: "IMAGE", media_key: "up/ann/1" }), "media_not_found"],
  ["media_key a number", (place) => msg(place, { media_key: 1 }), "bad_frame"],
  ["media_key a lone surrogate", (place) => msg(place, { media_key: "\uD800" }), "bad_frame"],
  ["resume without cursors", () => '{"type":"resume"}', "bad_frame"],
  ["resume with a list", () => '{"type":"resume","cursors":[1]}', "bad_frame"],
  ["auth_refresh without a token", () => '{"type":"auth_refresh"}', "bad_frame"],
  ["auth_refresh with 8,193 characters", () => JSON.stringify({ type: "auth_refresh", token: "x".repeat(8_193) }), "bad_frame"],
  ...["-1", "1.5", "1e400", "-1e400", "9007199254740992", '"1"', "null", "[]", "true"].map((number) => [
    `a cursor's seq ${number}`, (place: Place) => `{"type":"resume","cursors":{"${place.conversation_id}":{"epoch":1,"seq":${number}}}}`, "bad_frame",
  ] as const),
  ...["0", "-1", "1e400"].map((number) => [
    `a cursor's epoch ${number}`, (place: Place) => `{"type":"resume","cursors":{"${place.conversation_id}":{"epoch":${number},"seq":0}}}`, "bad_frame",
  ] as const),
  ["a user_seq below zero", () => '{"type":"resume","cursors":{},"user_seq":-1}', "bad_frame"],
  ["a cursor beyond the head", (place) => `{"type":"resume","cursors":{"${place.conversation_id}":{"epoch":1,"seq":9007199254740991}}}`, "bad_cursor"],
  ["a cursor of another epoch", (place) => `{"type":"resume","cursors":{"${place.conversation_id}":{"epoch":2,"seq":0}}}`, "epoch_changed"],
  ["a cursor of no conversation", () => '{"type":"resume","cursors":{"general":{"epoch":1,"seq":0}}}', "bad_frame"],
  ["1,001 cursors", () => JSON.stringify({
    type: "resume", cursors: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`g.${String(i).padStart(32, "0")}`, { epoch: 1, seq: 0 }])),
  }), "bad_frame"],
];
