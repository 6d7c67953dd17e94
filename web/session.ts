// Who is signed in, and where their tokens come from. The name outlives a reload of this window alone, so that two
// windows can be two people; tokens are kept in memory only.
import { ConfabError, type TokenProvider } from "../client/client.ts";

export interface Session {
  user_id: string;
  token: TokenProvider;
}

const NAME = "confab.name";

export function rememberedName(): string | null {
  return sessionStorage.getItem(NAME);
}

/** Asks the development issuer once. Throws ConfabError: `not_found` where there is none, `bad_request` for an impossible name. */
export async function signInByName(user_id: string): Promise<Session> {
  const first = await developmentToken(user_id);
  sessionStorage.setItem(NAME, user_id);
  return sessionOf(user_id, first);
}

/** After a reload: the name is known to be good, and tokens are asked for once they are needed. */
export function resumeByName(user_id: string): Session {
  return sessionOf(user_id, null);
}

/** null where `token` is none that says whom it is for. */
export function signInByToken(token: string): Session | null {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (unit) => unit.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims !== "object" || claims === null || !("sub" in claims) || typeof claims.sub !== "string") return null;
    return { user_id: claims.sub, token };
  } catch {
    return null;
  }
}

export function forgetSession(): void {
  sessionStorage.clear();
}

function sessionOf(user_id: string, first: string | null): Session {
  let spare = first;
  return {
    user_id,
    token: async () => {
      const token = spare ?? (await developmentToken(user_id));
      spare = null;
      return token;
    },
  };
}

async function developmentToken(user_id: string): Promise<string> {
  const response = await fetch("/dev/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id }),
    signal: AbortSignal.timeout(15_000),
  });
  if (response.status === 404) throw new ConfabError("not_found", "There is no development sign-in here.");
  if (response.status === 400) throw new ConfabError("bad_request", "This name can’t be used.");
  if (!response.ok) throw new ConfabError("unavailable", `HTTP ${response.status}`, { retryable: true });
  const answer: unknown = await response.json();
  if (typeof answer === "object" && answer !== null && "token" in answer && typeof answer.token === "string") return answer.token;
  throw new ConfabError("bad_answer", "The answer holds no token.");
}
