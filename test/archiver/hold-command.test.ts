// `hold`, `release` and `holds` as an operator runs them, on the embedded store.
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteStore } from "../../archiver/stores/sqlite.ts";
import { planOf } from "../contracts/archive-store.ts";
import { environment, freshFolder, startArchiver } from "./archiver-process.ts";
import { FilesEdge } from "./files-edge.ts";
import { conversationId, run, text } from "./segments.ts";

// None of the commands needs the bucket.
const NOWHERE = { endpoint: "http://127.0.0.1:1", region: "auto", bucket: "none", accessKeyId: "none", secretAccessKey: "none" };

let edge: FilesEdge;
beforeEach(async () => {
  edge = await new FilesEdge().open();
});
afterEach(() => edge.close());

async function asked(dataDir: string, ...command: string[]): Promise<{ code: number | string; said: string[] }> {
  const archiver = startArchiver(environment(NOWHERE, edge.url, dataDir), command);
  const code = await archiver.ended;
  return { code, said: archiver.lines.filter((line) => !line.startsWith('{"at"')) };
}

test("[B6] an operator holds a conversation and a user, sees what is held, and releases it", async () => {
  const dataDir = freshFolder();
  const id = conversationId("held by hand");
  const events = run([text("one"), { ...text("two"), sender_id: "bob" }], { conversation: id, at: Date.UTC(2026, 10, 20) });
  const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
  await store.open();
  await store.write(planOf(events));
  const held = async () => (await store.readBack(planOf(events))).map((row) => row.held);
  expect(await asked(dataDir, "hold", "user", "bob", "--reason", "claim 7")).toEqual({ code: 0, said: ["user bob is held; 1 rows changed"] });
  expect(await held()).toEqual([false, true]);
  expect(await asked(dataDir, "hold", "conversation", id)).toEqual({ code: 0, said: [`conversation ${id} is held; 1 rows changed`] });
  const { said } = await asked(dataDir, "holds");
  expect(said.map((line) => JSON.parse(line) as unknown)).toEqual([
    { kind: "conversation", id, state: "held", rows: 1, since: expect.any(String), reason: null },
    { kind: "user", id: "bob", state: "held", rows: 1, since: expect.any(String), reason: "claim 7" },
  ]);
  expect(await asked(dataDir, "release", "conversation", id)).toEqual({ code: 0, said: [`conversation ${id} is released; 1 rows changed`] });
  expect(await held()).toEqual([false, true]);
  expect(await asked(dataDir, "release", "user", "bob")).toMatchObject({ code: 0 });
  expect(await held()).toEqual([false, false]);
  expect(await asked(dataDir, "release", "user", "bob")).toEqual({ code: 1, said: ["user bob was not held"] });
  await store.close();
});

test("[A21] a hold keeps the files of a conversation, or of all that a user sent anywhere, and its release lets them go", async () => {
  const dataDir = freshFolder();
  const [here, there] = [conversationId("here"), conversationId("there")];
  edge.put(here, "ann", "bob", "ann", "ann", "bob");
  edge.put(there, "bob", "ann");
  // One of the list, one that only the archive knows of, and one that is gone.
  edge.lists.set("ann", [here, conversationId("gone")]);
  const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
  await store.open();
  await store.write(planOf(run([text("one")], { conversation: there, at: Date.UTC(2026, 10, 20) }).map((event) => ({ ...event, sender_id: "ann" }))));
  await store.close();
  expect(await asked(dataDir, "hold", "user", "ann")).toEqual({ code: 0, said: ["user ann is held; 1 rows changed, 4 files"] });
  expect([edge.held(here), edge.held(there)]).toEqual([[["user"], [], ["user"], ["user"], []], [[], ["user"]]]);
  expect(await asked(dataDir, "hold", "conversation", here)).toEqual({ code: 0, said: [`conversation ${here} is held; 0 rows changed, 5 files`] });
  expect(await asked(dataDir, "release", "user", "ann")).toMatchObject({ code: 0 });
  expect([edge.held(here).flat(), edge.held(there).flat()]).toEqual([Array(5).fill("conversation"), []]);
});

test("[A21] a hold whose files the edge does not keep is not whole: the same command goes on", async () => {
  const dataDir = freshFolder();
  const here = conversationId("here");
  edge.put(here, "ann", "ann", "ann");
  edge.refusals.push(500, 400);
  expect(await asked(dataDir, "hold", "conversation", here)).toMatchObject({ code: 1 });
  const { said } = await asked(dataDir, "holds");
  expect(JSON.parse(said[0] ?? "{}")).toMatchObject({ id: here, state: "applying" });
  expect(await asked(dataDir, "hold", "conversation", here)).toMatchObject({ code: 0 });
  expect(edge.held(here)).toEqual([["conversation"], ["conversation"], ["conversation"]]);
});

test.each([[["hold"]], [["hold", "group", "x"]], [["hold", "user"]], [["hold", "user", "ann", "--because", "x"]], [["release", "user", "ann", "--reason", "x"]], [["holds", "all"]]])(
  "[B6] %j is not understood, and changes nothing", async (command) => {
    const dataDir = freshFolder();
    const archiver = startArchiver(environment(NOWHERE, edge.url, dataDir), command);
    expect(await archiver.ended).toBe(2);
    expect(archiver.lines.at(-1)).toContain(`usage: npm run archiver -- ${command[0]}`);
    const store = new SqliteStore(path.join(dataDir, "archive"), 220_752_000, Date.now);
    await store.open();
    expect(await store.holds()).toEqual([]);
    await store.close();
  },
);
