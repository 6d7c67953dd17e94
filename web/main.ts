// The page's entry: somebody signs in, or is still signed in, and chats.
import { openApp } from "./app.ts";
import { forgetSession, rememberedName, resumeByName, type Session } from "./session.ts";
import { signInView } from "./sign-in.ts";

function enter(session: Session): void {
  document.body.replaceChildren(openApp(session, (reason) => {
    forgetSession();
    location.hash = "";
    const note = reason === "refused" ? "You are not signed in any more. Unsent messages are kept in this browser." : null;
    welcome(note, reason === "no issuer");
  }));
}

function welcome(note: string | null, byToken: boolean): void {
  document.body.replaceChildren(signInView(note, byToken, enter));
}

const name = rememberedName();
if (name === null) welcome(null, false);
else enter(resumeByName(name));
