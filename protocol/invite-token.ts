// An invitation's token: one opaque word for a link. It says which conversation and invitation are meant, and holds a secret.
import { ConversationId } from "./ids.ts";
import * as v from "valibot";

export interface InviteToken {
  conversation_id: string;
  invite_id: string;
  /** 32 hex digits */
  secret: string;
}

const PARTS = /^([^/]+)\/([0-9a-f]{16})\/([0-9a-f]{32})$/;
const WORD = /^[A-Za-z0-9_-]{1,256}$/;

export function formatInviteToken({ conversation_id, invite_id, secret }: InviteToken): string {
  return btoa(`${conversation_id}/${invite_id}/${secret}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** null for what can't be a token. */
export function parseInviteToken(token: string): InviteToken | null {
  if (!WORD.test(token)) return null;
  let text: string;
  try {
    text = atob(token.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const [, conversation_id = "", invite_id = "", secret = ""] = PARTS.exec(text) ?? [];
  return v.is(ConversationId, conversation_id) ? { conversation_id, invite_id, secret } : null;
}
