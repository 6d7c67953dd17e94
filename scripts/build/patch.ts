// Builds that differ from the sources on purpose: tests run them to see that a broken product is noticed.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Loader, Plugin } from "esbuild";

/** Given a source's path below the repository (with "/") and its text; returns the text to build instead. */
export interface Patch {
  (file: string, source: string): string;
  /** Called after the build; throws when the patch did not do what its name says. */
  readonly check?: () => void;
}

export interface Edit {
  /** Names the defect, for the error. */
  readonly name: string;
  /** Path below the repository, with "/". */
  readonly file: string;
  readonly find: string | RegExp;
  readonly replace: string;
}

/** A patch of named edits, each of which must match exactly once, or the build fails. */
export function patchOnce(...edits: readonly Edit[]): Patch {
  const applied = new Set<Edit>();
  const patch = (file: string, source: string): string => edits.filter((edit) => edit.file === file).reduce((text, edit) => {
    const found = countMatches(text, edit.find);
    if (found !== 1) throw new Error(`patch ${edit.name}: expected one match in ${file}, found ${found}`);
    applied.add(edit);
    return text.replace(edit.find, () => edit.replace);
  }, source);
  const check = (): void => {
    const missing = edits.filter((edit) => !applied.has(edit));
    if (missing.length > 0) {
      throw new Error(missing.map((edit) => `patch ${edit.name}: ${edit.file} is not part of the build`).join("; "));
    }
  };
  return Object.assign(patch, { check });
}

export function patchPlugin(root: string, patch: Patch): Plugin {
  return {
    name: "patch",
    setup(builder) {
      builder.onLoad({ filter: /\.(?:ts|tsx|js|mjs|css)$/ }, (args) => {
        const file = path.relative(root, args.path).split(path.sep).join("/");
        if (file.startsWith("..") || file.startsWith("node_modules/")) return null;
        const source = readFileSync(args.path, "utf8");
        const patched = patch(file, source);
        if (patched === source) return null;
        return { contents: patched, loader: path.extname(args.path).slice(1).replace("mjs", "js") as Loader };
      });
    },
  };
}

function countMatches(text: string, find: string | RegExp): number {
  if (typeof find === "string") return text.split(find).length - 1;
  return [...text.matchAll(new RegExp(find, find.flags.includes("g") ? find.flags : `${find.flags}g`))].length;
}
