// What of the environment concerns how Node itself runs: for programs that a test gives an environment of its own.
export const NODE_ENV_OF_RUN: Readonly<Record<string, string>> = Object.fromEntries(
  ["MALLOC_ARENA_MAX", "NODE_COMPILE_CACHE"].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
);
