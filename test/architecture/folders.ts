// The folders and what each may import: the table of docs/architecture.md as the tests hold it.

export type Folder = {
  /** Other folders of the project, "*" for any. */
  folders: readonly string[];
  /** Packages and runtime modules, "*" for any; `node:` stands for all of Node's own. */
  packages: readonly string[];
};

const ANYTHING: Folder = { folders: ["*"], packages: ["*"] };

export const FOLDERS: Readonly<Record<string, Folder>> = {
  protocol: { folders: [], packages: ["valibot"] },
  domain: { folders: ["protocol"], packages: [] },
  "durable-objects": {
    folders: ["domain", "protocol", "migrations", "log", "media"],
    packages: ["cloudflare:workers", "itty-durable", "jose", "node:crypto", "valibot"],
  },
  migrations: { folders: [], packages: [] },
  // Signed requests to the store of files, for the edge and its objects.
  media: { folders: ["protocol", "domain"], packages: ["aws4fetch", "file-type", "node:crypto"] },
  workers: {
    folders: ["durable-objects", "domain", "protocol", "log", "media"],
    packages: ["cloudflare:workers", "hono", "itty-durable", "jose", "valibot"],
  },
  archiver: {
    folders: ["domain", "protocol", "migrations", "log"],
    packages: ["node:", "@aws-sdk/client-s3", "cassandra-driver", "hono", "jose", "prom-client", "valibot"],
  },
  // Runs in browsers and in Node alike, so it has neither's modules.
  client: { folders: ["protocol", "domain"], packages: ["valibot", "@noble/hashes"] },
  web: { folders: ["client"], packages: ["thumbhash"] },
  bench: { folders: ["client", "protocol"], packages: ["*"] },
  verify: { folders: ["client", "protocol"], packages: ["*"] },
  log: { folders: [], packages: [] },
  scripts: ANYTHING,
  test: ANYTHING,
};

/** Exceptions to the table, each a single file: the protobuf codec and its parts alone may see their library. */
const PROTOBUF = ["valibot", "@bufbuild/protobuf"];
export const FILE_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "protocol/codec-protobuf.ts": PROTOBUF,
  "protocol/protobuf/layout.ts": PROTOBUF,
  "protocol/protobuf/read.ts": PROTOBUF,
  "protocol/generated/chat_pb.ts": PROTOBUF,
};

/** Written by tools: their length is nobody's taste. */
export const GENERATED: readonly string[] = ["protocol/generated/chat_pb.ts"];

/** Where SQL may stand: the stores, what runs migrations, and the migrations themselves. */
export const SQL_HOMES: readonly RegExp[] = [
  /^durable-objects\/([\w-]+\/)?store\.ts$/, /^durable-objects\/[\w-]+\/store\//, /^durable-objects\/platform\/migrate\.ts$/,
  /^archiver\/stores\//, /^archiver\/migrate\.ts$/, /^migrations\//, /^(scripts|bench|verify|test)\//,
];

/** Folders that may write to the console. */
export const CONSOLE_HOMES: readonly string[] = ["scripts", "bench", "verify", "log"];

export const MAX_LINES = 400;
