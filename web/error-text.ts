// What a failure means for the person who reads it.
import { ConfabError } from "../client/client.ts";

const WORDS: Readonly<Record<string, string>> = {
  not_found: "This conversation is not there, or not for you.",
  forbidden: "This is not allowed here.",
  content_too_large: "The message is too long.",
  frame_too_large: "The message is too long.",
  media_unavailable: "Files can’t be sent here.",
  media_type_refused: "Files of this type can’t be sent here.",
  media_too_large: "The file is too large.",
  media_mismatch: "The file arrived damaged.",
  media_not_found: "The file is not there any more.",
  media_expired: "The file is not kept any longer.",
  too_many_uploads: "Too many files wait to be sent.",
  file_unreadable: "The file can’t be read any more: it changed, or is gone.",
  upload_refused: "The file could not be stored.",
  edit_window_closed: "The message is too old to be changed.",
  invite_invalid: "This invitation is not valid any more.",
  handle_taken: "Somebody else has this handle.",
  deactivated: "This account is deactivated.",
  group_full: "The group is full.",
  rate_limited: "That was too much at once. Try again in a moment.",
  archive_unavailable: "Older messages can’t be read right now.",
  needs_restore: "This conversation is being restored.",
  unauthorized: "You are not signed in any more.",
  token_expired: "You are not signed in any more.",
  origin_refused: "This page’s address is not allowed to chat here.",
  network: "The server can’t be reached.",
  aborted: "The connection was lost.",
  timeout: "The server did not answer in time.",
  unavailable: "The server can’t do this right now. Try again.",
  internal: "Something went wrong on the server. Try again.",
};

/** @param who whom it concerns, where the error is about a person */
export function errorText(thrown: unknown, who?: string): string {
  if (!(thrown instanceof ConfabError)) return "Something went wrong.";
  if (thrown.code === "unknown_user") return who === undefined ? "There is nobody of that name here." : `There is nobody called “${who}” here.`;
  return WORDS[thrown.code] ?? thrown.message;
}
