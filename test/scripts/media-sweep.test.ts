// The sweep over generated stores: what goes, what stays, and whatever stops it on its way.
import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { FATES, type Fate, ListedContent, type MediaKept } from "../../protocol/media-keeping.ts";
import type { Files, StoredFile } from "../../scripts/media/files.ts";
import { sweep, type Swept, type SweepTools } from "../../scripts/media/sweep.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 27);
const KEPT: MediaKept = { retention_ms: 365 * 24 * HOUR, grace_ms: 7 * 24 * HOUR, unsent_ms: 24 * HOUR };
const hex = (n: number): string => n.toString(16).padStart(64, "0");

class Killed extends Error {}

/** A store in memory, by pages of three. */
class Memory implements Files {
  readonly files = new Map<string, StoredFile>();
  readonly unsent = new Map<string, { name: string; upload_id: string; at: number }>();
  listsUnfinished = true;
  /** Effects until the process dies, or never. */
  left = Number.POSITIVE_INFINITY;

  put(name: string, ageMs: number, size = 10): void {
    this.files.set(name, { name, size, at: NOW - ageMs });
  }

  async *list(prefix: string, after: string): AsyncGenerator<{ files: StoredFile[]; now: number }> {
    const names = [...this.files.keys()].filter((name) => name.startsWith(prefix) && name > after).toSorted();
    for (let i = 0; i === 0 || i < names.length; i += 3) yield { files: names.slice(i, i + 3).flatMap((name) => this.files.get(name) ?? []), now: NOW };
  }

  async remove(name: string): Promise<void> {
    this.#effect();
    this.files.delete(name);
  }

  async *unfinished(): AsyncGenerator<{ uploads: { name: string; upload_id: string; at: number }[]; now: number } | null> {
    yield this.listsUnfinished ? { uploads: [...this.unsent.values()], now: NOW } : null;
  }

  async abort({ name }: { name: string }): Promise<void> {
    this.#effect();
    this.unsent.delete(name);
  }

  #effect(): void {
    this.left -= 1;
    if (this.left < 0) throw new Killed();
  }
}

const GOES: readonly Fate[] = ["expired", "unreferenced", "unknown"];

interface Run {
  files: Memory;
  fates?: ReadonlyMap<string, Fate>;
  dryRun?: boolean;
  from?: string;
  uploadsOnly?: boolean;
  progress?: (place: string) => void;
  asked?: string[];
}

function run({ files, fates = new Map(), dryRun = false, from = "", uploadsOnly = false, progress = () => undefined, asked = [] }: Run): Promise<Swept> {
  const edge: SweepTools["edge"] = {
    sweep: async ({ contents, dry_run }) => {
      const objects = contents.flatMap((content) => content.objects);
      asked.push(...objects.map(({ name }) => name));
      const answers = objects.map(({ name }) => ({ name, fate: fates.get(name) ?? ("referenced" as const) }));
      if (!dry_run) for (const { name, fate } of answers) if (GOES.includes(fate)) await files.remove(name);
      return { fates: answers, failed: [] };
    },
  };
  return sweep(from, uploadsOnly, { files, edge, kept: KEPT, dryRun, progress });
}

test("[A21] an upload that was not sent goes after its day and the time that a send may take, not before", async () => {
  const files = new Memory();
  files.put("up/ann/1", 24 * HOUR + 16 * 60_000);
  files.put("up/ann/2", 24 * HOUR + 14 * 60_000);
  files.put("up/ann/3", 0);
  files.unsent.set("up/bob/1", { name: "up/bob/1", upload_id: "x", at: NOW - 25 * HOUR });
  files.unsent.set("up/bob/2", { name: "up/bob/2", upload_id: "y", at: NOW - 23 * HOUR });
  const dry = await run({ files, dryRun: true });
  expect([dry.uploads, dry.unfinished, files.files.size, files.unsent.size]).toEqual([{ objects: 1, bytes: 10 }, 1, 3, 2]);
  expect(await run({ files })).toEqual(dry);
  expect([...files.files.keys(), ...files.unsent.keys()]).toEqual(["up/ann/2", "up/ann/3", "up/bob/2"]);
  files.listsUnfinished = false;
  expect(await run({ files })).toMatchObject({ uploads: { objects: 0 }, unfinished: null });
});

test("[A21] of contents the edge decides; what is too young to go is not even asked about, and what is no content's is left", async () => {
  const files = new Memory();
  files.put(`m/${hex(1)}`, 400 * 24 * HOUR);
  files.put(`m/${hex(2)}.3`, 8 * 24 * HOUR);
  files.put(`m/${hex(3)}`, 6 * 24 * HOUR);
  files.put(`h/${hex(4)}.1`, 400 * 24 * HOUR);
  files.put("m/notes.txt", 400 * 24 * HOUR);
  files.put("elsewhere/x", 400 * 24 * HOUR);
  const asked: string[] = [];
  const fates = new Map<string, Fate>([[`m/${hex(1)}`, "expired"], [`m/${hex(2)}.3`, "referenced"], [`m/${hex(3)}`, "unknown"], [`h/${hex(4)}.1`, "held"]]);
  expect(await run({ files, fates, asked })).toMatchObject({
    looked: 5, foreign: 1, failed: 0,
    contents: { expired: { objects: 1, bytes: 10 }, referenced: { objects: 1 }, held: { objects: 1 }, young: { objects: 1 }, unknown: { objects: 0 } },
  });
  expect(asked).toEqual([`h/${hex(4)}.1`, `m/${hex(1)}`, `m/${hex(2)}.3`]);
  expect(files.files.has(`m/${hex(1)}`)).toBe(false);
  expect(files.files.size).toBe(5);
});

test.each([[`m/${hex(10)}`, true], [`m/${hex(10)}.12`, true], [`h/${hex(10)}.1`, true], [`m/${hex(10)}.0`, false], [`m/${hex(10)}0`, false], ["m/", false], [`x/${hex(10)}`, false], [`m/${hex(10)}/../x`, false]])(
  "[A21] the name %s is a content's: %s", (name, is) => expect(v.is(ListedContent, { name, at: 0 })).toBe(is),
);

test("[A21] killed after any removal, another sweep ends the work, and one that goes on from the place that was said does too", async () => {
  const name = fc.oneof(
    fc.record({ prefix: fc.constantFrom("m/", "h/"), n: fc.nat(40), generation: fc.nat(2) }).map(({ prefix, n, generation }) => `${prefix}${hex(n)}${generation === 0 ? "" : `.${generation}`}`),
    fc.record({ user: fc.constantFrom("ann", "bob"), n: fc.nat(40) }).map(({ user, n }) => `up/${user}/${hex(n).slice(32)}`),
  );
  const file = fc.record({ name, age: fc.integer({ min: 0, max: 500 * 24 }), fate: fc.constantFrom(...FATES) });
  await fc.assert(fc.asyncProperty(fc.uniqueArray(file, { selector: (given) => given.name, maxLength: 40 }), fc.nat(15), fc.boolean(), async (given, left, goesOn) => {
    const make = () => {
      const files = new Memory();
      for (const { name, age } of given) files.put(name, age * HOUR);
      return files;
    };
    const fates = new Map(given.map(({ name, fate }) => [name, fate]));
    const whole = make();
    await run({ files: whole, fates });
    const files = make();
    files.left = left;
    let place = "";
    await run({ files, fates, progress: (at) => (place = at) }).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    files.left = Number.POSITIVE_INFINITY;
    await run({ files, fates, from: goesOn ? place : "" });
    expect([...files.files.keys()].toSorted()).toEqual([...whole.files.keys()].toSorted());
    // And nothing went that was to stay.
    for (const { name, age, fate } of given) {
      const goes = name.startsWith("up/") ? age * HOUR > KEPT.unsent_ms + 15 * 60_000 : age * HOUR >= KEPT.grace_ms && GOES.includes(fate);
      expect(files.files.has(name), name).toBe(!goes);
    }
  }), { numRuns: 200 });
});

test("[A21] two sweeps beside one another end as one does, and uploads alone ask no content", async () => {
  const files = new Memory();
  const fates = new Map<string, Fate>();
  for (let i = 0; i < 30; i += 1) {
    files.put(`m/${hex(i)}`, 30 * 24 * HOUR);
    files.put(`up/ann/${i}`, i * 2 * HOUR);
    fates.set(`m/${hex(i)}`, i % 2 === 0 ? "unreferenced" : "referenced");
  }
  await Promise.all([run({ files, fates }), run({ files, fates })]);
  expect([...files.files.keys()].filter((name) => name.startsWith("m/"))).toHaveLength(15);
  expect([...files.files.keys()].filter((name) => name.startsWith("up/"))).toHaveLength(13);
  const asked: string[] = [];
  expect((await run({ files, fates, asked, uploadsOnly: true })).uploads.objects).toBe(0);
  expect(asked).toEqual([]);
});

test("[A21] it holds one page in memory: no call asks about more contents than a call takes", async () => {
  const files = new Memory();
  const sizes: number[] = [];
  for (let i = 0; i < 260; i += 1) files.put(`m/${hex(i)}`, 30 * 24 * HOUR);
  const paged: Files = Object.assign(Object.create(files) as Memory, {
    list: async function* (prefix: string): AsyncGenerator<{ files: StoredFile[]; now: number }> {
      yield { files: [...files.files.values()].filter(({ name }) => name.startsWith(prefix)), now: NOW };
    },
  });
  const edge: SweepTools["edge"] = {
    sweep: async ({ contents }) => {
      sizes.push(contents.length);
      return { fates: contents.flatMap(({ objects }) => objects.map(({ name }) => ({ name, fate: "referenced" as const }))), failed: [] };
    },
  };
  expect((await sweep("", false, { files: paged, edge, kept: KEPT, dryRun: false, progress: () => undefined })).contents.referenced.objects).toBe(260);
  expect(sizes).toEqual([100, 100, 60]);
});
