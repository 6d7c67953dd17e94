// The store of files as a content sees it.
import { recognize } from "../../media/recognize.ts";
import { type Env, mediaOf } from "../platform/env.ts";
import type { Files } from "./checking.ts";

/** Asked only where there is a content: a deployment that takes its store away again still has objects. */
export function filesOf(env: Env): Files {
  const bucket = () => {
    const found = mediaOf(env);
    if (found === null) throw new Error("the deployment has no store of files");
    return found;
  };
  return {
    head: (key) => bucket().head(key),
    readStart: (key, etag, bytes) => bucket().readStart(key, etag, bytes),
    readHash: (key, etag) => bucket().readHash(key, etag),
    copy: (call) => bucket().copy(call),
    remove: (key) => bucket().remove(key),
    recognize,
    get verifies() {
      return bucket().settings.verifiesSha256;
    },
  };
}
