// Run by bootstrap.test.ts through bootstrap: says what it was given, then ends as it is told.
const [way, code] = process.argv.slice(2);
if (way === "code") process.exitCode = Number(code);
else setInterval(() => undefined, 60_000);
if (way === "wait") {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      process.stdout.write(`${signal}\n`, () => process.exit(5));
    });
  }
}
// Last, because who reads it sends signals.
process.stdout.write(`${JSON.stringify({
  args: process.argv.slice(2), node: process.versions.node, path: process.env["PATH"], options: process.env["NODE_OPTIONS"] ?? null,
})}\n`);
