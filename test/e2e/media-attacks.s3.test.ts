// Attacks on files, on an S3 server that checks every signature; and what it is asked for one who brings a file that is there.
import { expect, onTestFinished, test } from "vitest";
import { envOf, storeOf } from "../media/product-store.ts";
import { RecordingProxy } from "../media/recording-proxy.ts";
import { kindFile, sendFile, trySend, upload } from "../media/sending.ts";
import { png } from "../media/samples.ts";
import { independentStore } from "../media/stores.ts";
import { startProduct } from "../product.ts";
import { newUser, type User } from "./api.ts";
import { mediaAttacks } from "./media-attacks-suite.ts";
import { MEDIA_ENV } from "./media-env.ts";

mediaAttacks(async () => {
  const env = envOf(await independentStore());
  const product = await startProduct({ env: { ...MEDIA_ENV, ...env } });
  return { product, bucket: storeOf(product, env) };
});

test("[B14] neither the store's requests nor the answers tell whether somebody else has a file", async () => {
  const settings = await independentStore();
  const proxy = await RecordingProxy.before(settings.endpoint);
  onTestFinished(() => proxy.close());
  const product = await startProduct({ env: { ...MEDIA_ENV, ...envOf({ ...settings, endpoint: proxy.url }), MEDIA_ORIGIN: settings.endpoint } });
  onTestFinished(() => product.discard());
  const peer = await newUser(product, "peer");
  const shape = (text: string): string => text.replaceAll(/up\/[^ ?"]+/g, "up/…").replaceAll(/m\/[0-9a-f]{64}/g, "m/…").replaceAll(/[0-9a-f-]{32,}|"(?:seq|sent_at|epoch)":\d+/g, "…").replaceAll(/[dg]\.…|d\.[0-9a-f]+/g, "d.…");
  async function seen(user: User, file = kindFile("image", "image/png", png(900))): Promise<{ asked: string[]; answer: string }> {
    const media_key = await upload(user, file);
    proxy.asked.length = 0;
    const sent = await trySend(user, peer, { client_msg_id: "x", content_type: "image", media_key });
    return { asked: proxy.asked.map(shape), answer: `${sent.status} ${shape(sent.text)}` };
  }
  const [first, second, third] = [await seen(await newUser(product, "first")), await seen(await newUser(product, "second")), await seen(await newUser(product, "third"), kindFile("image", "image/png", png(901)))];
  expect(first.asked.length).toBeGreaterThan(2);
  expect(first.asked.some((line) => line.startsWith("PUT"))).toBe(true);
  expect([second, third]).toEqual([first, first]);
  // Nor does it depend on whether the first message still stands.
  const [fourth] = [await newUser(product, "fourth")];
  await sendFile(fourth, peer, kindFile("image", "image/png", png(902)));
  expect((await seen(await newUser(product, "fifth"), kindFile("image", "image/png", png(902)))).asked).toEqual(first.asked);
});
