// Builds for `npm run verify`: the sources as they are and versions that come after them, each with a door through which objects are
// thrown out of memory. No build of the product has that door. Prints the folders, in the order in which they are deployed.
import path from "node:path";
import { build, type Edit, patchOnce } from "./build.ts";

const CONVERSATION = "durable-objects/conversation/object.ts";
const SESSION = "durable-objects/session/object.ts";

/** As a deploy or the platform does it: the object ends, with its memory and its sockets, and what it had not committed is gone. */
const DOOR: readonly Edit[] = [
  { name: "door of the conversation", file: CONVERSATION, find: "implements ConversationCalls {", replace: "implements ConversationCalls { evictNow() { this.ctx.abort('evicted by verify'); }" },
  { name: "door of the session", file: SESSION, find: "implements SessionCalls {", replace: "implements SessionCalls { evictNow() { this.ctx.abort('evicted by verify'); }" },
  { name: "the door's route", file: "workers/routes/development.ts", find: 'development.post("/dev/token"', replace: `
development.post("/dev/evict", async (context) => {
  if (context.env.DEV_ISSUER !== "1") throw new ChatError("not_found");
  const { user_id, conversation_id } = await context.req.raw.json();
  const stub = user_id === undefined ? conversationOf(context.env, conversation_id) : sessionOf(context.env, user_id);
  // An object that ends answers nobody.
  await stub.evictNow().catch(() => undefined);
  return context.json({});
});
development.post("/dev/token"` },
  { name: "the door's import", file: "workers/routes/development.ts", find: "import { sessionOf }", replace: "import { conversationOf, sessionOf }" },
];

/** Far above the numbers of real ones: it is the last whatever is added meanwhile. */
const LATER = `
  { version: 1000, min_compatible: 1, sql: "CREATE TABLE added_by_a_later_version (id INTEGER PRIMARY KEY, word TEXT) STRICT; INSERT INTO added_by_a_later_version (word) VALUES ('here')" },
];
`;
const NEW_CONVERSATION: Edit = { name: "a migration of conversations", file: "migrations/conversation.ts", find: /\n\];\n$/, replace: LATER };
const NEW_SESSION: Edit = { name: "a migration of sessions", file: "migrations/session.ts", find: /\n\];\n$/, replace: LATER };

/** Old sessions call new conversations while a deploy is under way; after the last of them the first one is back, as after a rollback. */
const VERSIONS: Readonly<Record<string, readonly Edit[]>> = {
  present: [],
  "new-conversations": [NEW_CONVERSATION],
  "all-new": [NEW_CONVERSATION, NEW_SESSION],
};

/** @param edits what is broken in each of them on purpose */
export async function buildVersions(folder: string, edits: readonly Edit[] = []): Promise<string[]> {
  return Promise.all(Object.entries(VERSIONS).map(async ([name, own]) => {
    const outDir = path.join(folder, name);
    await build({ outDir, patch: patchOnce(...DOOR, ...own, ...edits) });
    return outDir;
  }));
}

if (import.meta.main) {
  const [folder, ...rest] = process.argv.slice(2);
  if (folder === undefined || rest.length > 0) throw new Error("usage: verify-builds.ts FOLDER");
  for (const outDir of await buildVersions(path.resolve(folder))) console.log(outDir);
}
