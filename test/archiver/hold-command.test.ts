// `hold`, `release` and `holds` as an operator runs them, on the embedded store.
import path from "node:path";
import { expect, test } from "vitest";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { planOf } from "../contracts/archive-store.ts";
import { environment, freshFolder, startArchiver } from "./archiver-process.ts";
import { conversationId, run, text } from "./segments.ts";

// None of the commands needs the bucket or the edge.
const NOWHERE = { endpoint: "http://127.0.0.1:1", region: "auto", bucket: "none", accessKeyId: "none", secretAccessKey: "none" };

test("[B6] an operator holds a conversation and a user, sees what is held, and releases it", async () => {
  const dataDir = freshFolder();
  const id = conversationId("held by hand");
  const events = run([text("one"), { ...text("two"), sender_id: "bob" }], { conversation: id, at: Date.UTC(2026, 10, 20) });
  const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
  await store.open();
  await store.write(planOf(events));
  const held = async () => (await store.readBack(planOf(events))).map((row) => row.held);
  const asked = async (...command: string[]) => {
    const archiver = startArchiver(environment(NOWHERE, "http://127.0.0.1:1", dataDir), command);
    const code = await archiver.ended;
    return { code, said: archiver.lines.filter((line) => !line.startsWith('{"at"')) };
  };
  expect(await asked("hold", "user", "bob", "--reason", "claim 7")).toEqual({ code: 0, said: ["user bob is held; 1 rows changed"] });
  expect(await held()).toEqual([false, true]);
  expect(await asked("hold", "conversation", id)).toEqual({ code: 0, said: [`conversation ${id} is held; 1 rows changed`] });
  const { said } = await asked("holds");
  expect(said.map((line) => JSON.parse(line) as unknown)).toEqual([
    { kind: "conversation", id, state: "held", rows: 1, since: expect.any(String), reason: null },
    { kind: "user", id: "bob", state: "held", rows: 1, since: expect.any(String), reason: "claim 7" },
  ]);
  expect(await asked("release", "conversation", id)).toEqual({ code: 0, said: [`conversation ${id} is released; 1 rows changed`] });
  expect(await held()).toEqual([false, true]);
  expect(await asked("release", "user", "bob")).toMatchObject({ code: 0 });
  expect(await held()).toEqual([false, false]);
  expect(await asked("release", "user", "bob")).toEqual({ code: 1, said: ["user bob was not held"] });
  await store.close();
});

test.each([[["hold"]], [["hold", "group", "x"]], [["hold", "user"]], [["hold", "user", "ann", "--because", "x"]], [["release", "user", "ann", "--reason", "x"]], [["holds", "all"]]])(
  "[B6] %j is not understood, and changes nothing", async (command) => {
    const dataDir = freshFolder();
    const archiver = startArchiver(environment(NOWHERE, "http://127.0.0.1:1", dataDir), command);
    expect(await archiver.ended).toBe(2);
    expect(archiver.lines.at(-1)).toContain(`usage: npm run archiver -- ${command[0]}`);
    const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
    await store.open();
    expect(await store.holds()).toEqual([]);
    await store.close();
  },
);
