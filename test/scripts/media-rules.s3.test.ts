// `npm run media:lifecycle` against a bucket that keeps what it is given.
import { afterEach, beforeEach, expect, test } from "vitest";
import { mediaCommand, type Said } from "./media/command.ts";
import { SweepEdge } from "./media/sweep-edge.ts";
import { RulesEndpoint } from "./media/rules-endpoint.ts";

let bucket: RulesEndpoint;
beforeEach(async () => {
  bucket = await new RulesEndpoint().open();
});
afterEach(() => bucket.close());

const lifecycle = (args: readonly string[] = [], more: Readonly<Record<string, string>> = {}): Promise<Said> => mediaCommand("media-lifecycle", bucket.environment(more), args);

const CONTENT = "confab-media-content m/*: STANDARD_IA after 90 days, deleted after 365 days";
const UPLOADS = "confab-media-uploads up/*: deleted after 1 day, unfinished uploads aborted after 1 day";
const FOREIGN = `<Rule><ID>logs</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>7</Days></Expiration></Rule>`;
/** Ours in a spelling of their own: the older place of the prefix, other orders, an empty part. */
const RESPELT = `<Rule><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload><Prefix>up/</Prefix><ID>confab-media-uploads</ID><Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker><Days>1</Days></Expiration></Rule>
<Rule><Expiration><Days>365</Days></Expiration><Filter><Prefix>m/</Prefix></Filter><ID>confab-media-content</ID><Status>Enabled</Status><Transition><StorageClass>STANDARD_IA</StorageClass><Days>90</Days></Transition></Rule>`;

test("[A21] the difference is shown first, and changes nothing; --apply sets cold storage, deletion and the end of unfinished uploads", async () => {
  expect(await lifecycle()).toMatchObject({ code: 3, out: [`+ ${CONTENT}`, `+ ${UPLOADS}`, "nothing was changed; --apply does it"] });
  expect(bucket.puts).toEqual([]);
  expect(await lifecycle(["--apply"])).toMatchObject({ code: 0, out: [`+ ${CONTENT}`, `+ ${UPLOADS}`, "applied"] });
  expect(bucket.puts).toHaveLength(1);
  const xml = bucket.puts[0]?.xml ?? "";
  for (const part of ["<Prefix>m/</Prefix>", "<Days>90</Days>", "<StorageClass>STANDARD_IA</StorageClass>", "<Days>365</Days>", "<Prefix>up/</Prefix>", "<DaysAfterInitiation>1</DaysAfterInitiation>"]) {
    expect(xml).toContain(part);
  }
  // What is held lies below h/.
  expect(xml).not.toMatch(/<Prefix>(h\/)?<\/Prefix>/);
});

test("[A21] applied again nothing is sent, whatever the store's spelling of the rules", async () => {
  await lifecycle(["--apply"]);
  expect(await lifecycle(["--apply"])).toMatchObject({ code: 0, out: [`  ${CONTENT}`, `  ${UPLOADS}`, "the rules are as they should be"] });
  bucket.set(RESPELT);
  expect(await lifecycle(["--apply"])).toMatchObject({ code: 0, out: [`  ${CONTENT}`, `  ${UPLOADS}`, "the rules are as they should be"] });
  expect(bucket.puts).toHaveLength(1);
});

test("[A21] days and class can be set; one that changed is shown as it was and as it is to be", async () => {
  await lifecycle(["--apply"]);
  const changed = { MEDIA_COLD_DAYS: "30", MEDIA_RETENTION_DAYS: "400", MEDIA_COLD_CLASS: "GLACIER_IR" };
  const CHANGED = "confab-media-content m/*: GLACIER_IR after 30 days, deleted after 400 days";
  expect(await lifecycle(["--apply"], changed)).toMatchObject({ code: 0, out: [`  ${UPLOADS}`, `- ${CONTENT}`, `+ ${CHANGED}`, "applied"] });
  expect(await lifecycle([], { ...changed, MEDIA_COLD_DAYS: "0" })).toMatchObject({ code: 3, out: [`  ${UPLOADS}`, `- ${CHANGED}`, "+ confab-media-content m/*: deleted after 400 days", expect.anything()] });
});

test("[A21] where the edge is named its own retention counts, and another one is warned of", async () => {
  const edge = await new SweepEdge().open();
  edge.kept = { ...edge.kept, retention_ms: 200 * 86_400_000 };
  const SHORT = "confab-media-content m/*: STANDARD_IA after 90 days, deleted after 200 days";
  expect(await lifecycle([], edge.environment())).toMatchObject({ code: 3, err: "", out: [`+ ${SHORT}`, `+ ${UPLOADS}`, expect.anything()] });
  const { code, out, err } = await lifecycle(["--apply"], { ...edge.environment(), MEDIA_RETENTION_DAYS: "365" });
  expect([code, out[0], err]).toEqual([0, `+ ${CONTENT}`, expect.stringContaining("kept for 200 days")]);
  await edge.close();
});

test("[A21] rules of others stay as they are, also what only they say; ours that nobody needs any more go", async () => {
  bucket.set(`${FOREIGN}<Rule><ID>confab-media-old</ID><Filter><Prefix>media/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>`);
  bucket.smallObjects = "varies_by_storage_class";
  expect(await lifecycle(["--apply"])).toMatchObject({
    code: 0, err: "", out: ["  logs logs/*: deleted after 7 days (not ours, stays)", "- confab-media-old media/*: deleted after 3 days", `+ ${CONTENT}`, `+ ${UPLOADS}`, "applied"],
  });
  const { xml, headers } = bucket.puts[0] as (typeof bucket.puts)[number];
  const rule = /<Rule>(?:(?!<\/Rule>).)*logs(?:(?!<\/Rule>).)*<\/Rule>/s.exec(xml)?.[0] ?? "";
  for (const part of ["<ID>logs</ID>", "<Prefix>logs/</Prefix>", "<Key>a</Key>", "<Value>b</Value>", "<Days>7</Days>", "<Status>Enabled</Status>"]) expect(rule).toContain(part);
  expect(xml).not.toContain("confab-media-old");
  expect(headers["x-amz-transition-default-minimum-object-size"]).toBe("varies_by_storage_class");
  // Stores that know no newer checksum answer 501 to one, which would pass for having no rules.
  expect(Object.keys(headers).filter((name) => name.includes("checksum"))).toEqual([]);
});

test.each([
  ["everything", `<Rule><ID>all</ID><Filter/><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>`, /rule all deletes below ""/],
  ["what is held", `<Rule><ID>held</ID><Filter><Prefix>h/ab</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>`, /rule held deletes below "h\/ab"/],
])("[A21] a foreign rule that deletes %s is warned of, and left", async (_name, rule, warning) => {
  bucket.set(rule);
  const { code, err } = await lifecycle(["--apply"]);
  expect([code, err]).toEqual([0, expect.stringMatching(warning)]);
  expect(bucket.xml).toContain(/<ID>\w+<\/ID>/.exec(rule)?.[0]);
});

test("[A21] a disabled rule of ours, or one that is narrower, is not as it should be", async () => {
  bucket.set(RESPELT.replace("<Status>Enabled</Status><Transition>", "<Status>Disabled</Status><Transition>"));
  expect(await lifecycle()).toMatchObject({ code: 3, out: [`  ${UPLOADS}`, `- ${CONTENT} (disabled)`, `+ ${CONTENT}`, expect.anything()] });
  bucket.set(RESPELT.replace("<Filter><Prefix>m/</Prefix></Filter>", "<Filter><And><Prefix>m/</Prefix><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>"));
  expect(await lifecycle()).toMatchObject({ code: 3 });
});

test("[A21] a store that keeps other rules than it took is no success, and a versioned bucket is warned of", async () => {
  bucket.versioned = true;
  bucket.keep = (xml) => xml.replace(/<Transition>.*?<\/Transition>/s, "");
  const { code, err } = await lifecycle(["--apply"]);
  expect(code).toBe(1);
  expect(err).toContain("the bucket keeps older versions");
  expect(err).toContain("keeps others");
});

test("[A21] a store without rules says unsupported_by_store, also one that reads them and takes none", async () => {
  bucket.refusePuts = { status: 501, code: "NotImplemented" };
  const { code, out } = await lifecycle(["--apply"]);
  expect([code, out.at(-1)]).toEqual([4, expect.stringMatching(/^unsupported_by_store: .*media:sweep/)]);
});

test("[A21] other failures are none of the rules' absence: nothing is said to be done", async () => {
  bucket.refusePuts = { status: 400, code: "InvalidRequest" };
  expect(await lifecycle(["--apply"])).toMatchObject({ code: 1, err: expect.stringContaining("InvalidRequest it is") as string });
  expect(await lifecycle([], { MEDIA_BUCKET: "another" })).toMatchObject({ code: 1 });
});

test.each([
  [["--apply=yes"], {}, "usage"], [["apply"], {}, "usage"], [[], { MEDIA_COLD_DAYS: "400" }, "MEDIA_COLD_DAYS must be below"], [[], { MEDIA_RETENTION_DAYS: "0" }, "must be at least 1"],
  [[], { MEDIA_COLD_DAYS: "soon" }, "MEDIA_COLD_DAYS must be a whole number of days"], [[], { MEDIA_BUCKET: "" }, "MEDIA_BUCKET is missing"],
])("[A21] %j with %j is not understood", async (args, more, said) => {
  const { code, err } = await lifecycle(args, more);
  expect([code, err]).toEqual([2, expect.stringContaining(said)]);
  expect(bucket.puts).toEqual([]);
});
