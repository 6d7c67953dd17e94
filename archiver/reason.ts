// What an error says, with what it stems from: "fetch failed" alone helps nobody.

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  const said = error.message || (error as NodeJS.ErrnoException).code || error.name;
  return inner === undefined ? said : `${said}: ${reasonOf(inner)}`;
}
