// Files past their time, held ones, unsent ones and those of an erased person, with the commands as an operator runs them.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { localMediaEnv } from "../../scripts/start/local-media.ts";
import type { Secrets } from "../../scripts/start/secrets.ts";
import { storeOf } from "../media/product-store.ts";
import { put, sha256Of } from "../media/files.ts";
import { announce, fetched, kindFile, type KindFile, message, sendFile, trySend, upload, urlOf } from "../media/sending.ts";
import { type Product, startProduct } from "../product.ts";
import { mediaCommand, type Said } from "../scripts/media/command.ts";
import { codeOf, newUser, operator, statsOf, until, type User } from "./api.ts";
import { archiverCommand } from "./archiver-command.ts";
import { filesWith } from "./planted.ts";

const BASE = { CONFAB_RATE_LIMIT: "0", CONFAB_SEAL_AFTER_MS: "200", CONFAB_HOT_EVENTS: "0", CONFAB_HOT_DAYS: "0", ARCHIVER_POLL_MS: "100" };
const RETENTION_MS = 5_000;

let product: Product;
let service: User;
const start = async (env: Record<string, string>): Promise<void> => {
  product = await startProduct({ env: { ...BASE, ...env } });
  service = await operator(product);
};

const word = (): string => `planted${randomBytes(8).toString("hex")}`;
const textFile = (text: string): KindFile => kindFile("document", "text/plain", new TextEncoder().encode(`${text}\n`.repeat(50)));
const archived = (conversation: string) => until(() => statsOf(service, conversation), (stats) => stats.pruned_seq === stats.head_seq && stats.archived_seq === stats.head_seq);

function swept(...args: string[]): Promise<Said> {
  const secrets = JSON.parse(readFileSync(path.join(product.dataDir, "secrets.json"), "utf8")) as Secrets;
  return mediaCommand("media-sweep", { ...localMediaEnv(secrets, product.ports[0] as number, {}), EDGE_URL: product.url, ARCHIVE_SECRET: secrets.ARCHIVE_SECRET }, args);
}
async function counts(...args: string[]): Promise<{ uploads: { objects: number }; contents: Record<string, { objects: number }> }> {
  const said = await swept(...args);
  if (said.code !== 0) throw new Error(`the sweep ended with ${said.code}: ${said.err}`);
  return JSON.parse(said.out.at(-1) ?? "{}") as Awaited<ReturnType<typeof counts>>;
}
async function names(prefix: string): Promise<string[]> {
  return (await storeOf(product).list({ prefix })).objects.map(({ key }) => key);
}
const namesOf = async (mediaKey: string): Promise<string[]> => [...await names(mediaKey), ...await names(mediaKey.replace("m/", "h/"))];
const asked = async (...command: string[]): Promise<void> => {
  const ended = await archiverCommand(product, command);
  if (ended.code !== 0) throw new Error(`${command.join(" ")} ended with ${ended.code}: ${ended.stderr}`);
};
const expired = (user: User, conversation: string, key: string) => until(async () => codeOf(await urlOf(user, conversation, key)), (code) => code === "404 media_expired");

describe("past its time", () => {
  beforeAll(() => start({ CONFAB_MEDIA_RETENTION_MS: String(RETENTION_MS) }));
  afterAll(() => product.discard());

  test("[A21] a message stays and says media_expired, in history and instead of a URL; the sweep, dry at first, takes the file", async () => {
    const [ann, bob] = [await newUser(product), await newUser(product)];
    const { conversation_id, media_key, seq } = await sendFile(ann, bob, textFile(word()), { content: "look" });
    expect((await urlOf(bob, conversation_id, media_key)).status).toBe(200);
    expect(message(await bob.history(conversation_id), seq)).not.toHaveProperty("media_expired");
    await archived(conversation_id);
    await expired(bob, conversation_id, media_key);
    const stub = message(await bob.history(conversation_id), seq);
    expect(stub).toMatchObject({ content: "look", media_key, media: { content_type: "text/plain" }, media_expired: true });
    // A stranger learns no more than before.
    expect(codeOf(await urlOf(await newUser(product), conversation_id, media_key))).toBe("404 not_found");
    // And nobody can send it on.
    expect(codeOf(await trySend(bob, ann, { content_type: "document", media_key, media_from: conversation_id }))).toBe("404 media_expired");
    const dry = await until(() => counts("--dry-run"), ({ contents }) => (contents["expired"]?.objects ?? 0) > 0);
    expect(await namesOf(media_key)).toEqual([media_key]);
    expect((await counts()).contents).toEqual(dry.contents);
    await until(() => namesOf(media_key), (left) => left.length === 0);
    expect(message(await bob.history(conversation_id), seq)).toEqual(stub);
    // The same bytes may be sent again.
    const again = await sendFile(bob, ann, textFile(word()));
    expect((await fetched(ann, again.conversation_id, again.media_key)).status).toBe(200);
  });

  test("[A21] what is held lies where no rule deletes and is served past its time, until it is released; others' files go", async () => {
    const [ann, bob] = [await newUser(product), await newUser(product)];
    const [held, other] = [textFile(word()), textFile(word())];
    const group = (await ann.group([bob])).conversation_id;
    const first = await sendFile(ann, group, held);
    const second = await sendFile(ann, bob, other);
    await asked("hold", "conversation", group);
    expect((await namesOf(first.media_key)).map((name) => name[0])).toEqual(["m", "h"]);
    // One that comes behind the hold is held when its message is archived.
    const third = await sendFile(bob, group, textFile(word()));
    await archived(group);
    expect((await namesOf(third.media_key)).map((name) => name[0])).toEqual(["m", "h"]);
    await expired(bob, second.conversation_id, second.media_key);
    await until(() => counts(), ({ contents }) => contents["held"]?.objects === 4);
    await until(() => namesOf(second.media_key), (left) => left.length === 0);
    // As a store's own rule would.
    for (const { media_key } of [first, third]) await storeOf(product).remove(media_key);
    const whole = await fetched(bob, group, first.media_key);
    expect([whole.status, sha256Of(whole.bytes)]).toEqual([200, held.sha256]);
    expect(message(await bob.history(group), first.seq)).not.toHaveProperty("media_expired");
    expect((await archiverCommand(product, ["erase", ann.name])).code).toBe(4);
    await asked("release", "conversation", group);
    expect(codeOf(await urlOf(bob, group, first.media_key))).toBe("404 media_expired");
    expect(message(await bob.history(group), first.seq)).toMatchObject({ media_expired: true });
  });

  test("[A21] a user's hold keeps what they sent anywhere, whoever else sends the same, and nothing of others", async () => {
    const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
    const file = textFile(word());
    const [anns, bobs] = [await sendFile(ann, eve, file), await sendFile(bob, eve, file)];
    await asked("hold", "user", ann.name);
    await expired(eve, bobs.conversation_id, bobs.media_key);
    expect(sha256Of((await fetched(eve, anns.conversation_id, anns.media_key)).bytes)).toBe(file.sha256);
    await asked("release", "user", ann.name);
    expect(codeOf(await urlOf(eve, anns.conversation_id, anns.media_key))).toBe("404 media_expired");
  });
});

describe("killed", () => {
  beforeAll(() => start({}));
  afterAll(() => product.discard());

  test("[A21] [X4] a kill -9 of the edge while files are held, swept and erased loses none that is to stay, and in the end none that is to go is left", async () => {
    const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
    const group = (await bob.group([ann, eve])).conversation_id;
    const files = Array.from({ length: 12 }, () => textFile(word()));
    const planted = word();
    const held: { media_key: string; sha256: string }[] = [];
    for (const file of files) held.push({ ...(await sendFile(bob, group, file)), sha256: file.sha256 });
    for (let i = 0; i < 6; i += 1) await sendFile(ann, eve, textFile(`${planted} ${i}`));
    const killed = async (work: () => Promise<{ code: number | null }>): Promise<void> => {
      const working = work();
      for (let kills = 0; kills < 3; kills += 1) {
        // Somewhere in its traffic: a call of our own has just come back.
        await until(() => bob.call("GET", "/v1/users/me").then(({ status }) => status, () => 0), (status) => status === 200, 60_000);
        product.killRuntime();
      }
      await until(async () => (await working).code === 0 ? 0 : (await work()).code, (code) => code === 0, 120_000);
    };
    await killed(() => archiverCommand(product, ["hold", "user", bob.name]));
    await killed(() => swept());
    await killed(() => archiverCommand(product, ["erase", ann.name]));
    for (const { media_key } of held) expect((await namesOf(media_key)).map((name) => name[0])).toEqual(["m", "h"]);
    for (const { media_key, sha256 } of held) expect(sha256Of((await fetched(eve, group, media_key)).bytes)).toBe(sha256);
    await expect.poll(() => filesWith(product.dataDir, planted), { timeout: 60_000, interval: 1_000 }).toEqual([]);
  });
});

describe("nobody's", () => {
  beforeAll(() => start({ CONFAB_MEDIA_UNSENT_MS: "4000", CONFAB_MEDIA_GRACE_MS: "3000" }));
  afterAll(() => product.discard());

  test("[A21] an upload that is not sent goes by the sweep, and can't be sent any more; what was sent is there", async () => {
    const [ann, bob] = [await newUser(product), await newUser(product)];
    const sent = await sendFile(ann, bob, textFile(word()));
    const unsent = await upload(ann, textFile(word()));
    expect(await names(unsent)).toEqual([unsent]);
    let gone = 0;
    await until(async () => {
      gone += (await counts()).uploads.objects;
      return names("up/");
    }, (left) => left.length === 0, 60_000);
    // Also what was copied to its content.
    expect(gone).toBe(2);
    expect(codeOf(await trySend(ann, bob, { content_type: "document", media_key: unsent }))).toBe("404 media_not_found");
    expect((await fetched(bob, sent.conversation_id, sent.media_key)).status).toBe(200);
  });

  test("[A21] an object of the store that nobody knows goes by the sweep once it is old enough, and one beside it that a message has stays", async () => {
    const [ann, bob] = [await newUser(product), await newUser(product)];
    const file = textFile(word());
    const { conversation_id, media_key } = await sendFile(ann, bob, file);
    const [stray, older] = [`m/${"5".repeat(64)}`, `${media_key}.7`];
    for (const to of [stray, older]) await storeOf(product).copy({ from: media_key, etag: (await storeOf(product).head(media_key))?.etag ?? "", to, content_type: "text/plain" });
    await until(() => counts(), ({ contents }) => contents["unknown"]?.objects === 2);
    await until(async () => [...await names(stray), ...await names(media_key)], (left) => left.join() === media_key);
    expect(sha256Of((await fetched(bob, conversation_id, media_key)).bytes)).toBe(file.sha256);
  });

});

describe("erased", () => {
  // With the grace of a week that others' files have.
  beforeAll(() => start({}));
  afterAll(() => product.discard());

  test("[X4] an erased person's files are in no file of any store, sent or not; what somebody else sent as well stays", async () => {
    const [ann, bob, eve] = [await newUser(product), await newUser(product), await newUser(product)];
    const [own, unsent, shared] = [word(), word(), word()];
    const group = (await bob.group([ann, eve])).conversation_id;
    const first = await sendFile(ann, group, textFile(own), { media: { name: `${own}.txt` } });
    // The same elsewhere: sent once more, and sent on.
    await sendFile(ann, bob, textFile(own));
    await trySend(ann, eve, { content_type: "document", media_key: first.media_key, media_from: group });
    const both = textFile(shared);
    await sendFile(ann, group, both);
    const bobs = await sendFile(bob, eve, both);
    await archived(group);
    const waiting = await announce(ann, textFile(unsent));
    expect((await put(waiting, textFile(unsent).bytes)).ok).toBe(true);
    expect([filesWith(product.dataDir, own).length > 0, filesWith(product.dataDir, unsent).length > 0]).toEqual([true, true]);
    const ended = await archiverCommand(product, ["erase", ann.name]);
    expect(ended, ended.stderr).toMatchObject({ code: 0, lines: [{ erased: { messages: 4, uploads: expect.any(Number) as number }, nothing_left: true }] });
    expect(await names(`up/${ann.name}/`)).toEqual([]);
    // An object's write-ahead log goes some ten seconds after it was last used.
    await expect.poll(() => [own, unsent].flatMap((planted) => filesWith(product.dataDir, planted)), { timeout: 60_000, interval: 1_000 }).toEqual([]);
    expect(codeOf(await urlOf(eve, group, first.media_key))).toBe("404 not_found");
    expect(sha256Of((await fetched(eve, bobs.conversation_id, bobs.media_key)).bytes)).toBe(both.sha256);
  });
});
