// Whom a text is addressed to: `@name` of a member. Pure.

const CALL = /(?<![\p{L}\p{N}._:@|+-])@([A-Za-z0-9._:@|+-]{1,128})/gu;
/** The most that one message may mention. */
const MOST = 50;

/** @param me is not mentioned by oneself */
export function mentionsIn(text: string, members: readonly string[], me: string | null): string[] {
  const known = new Set(members);
  const called = [...text.matchAll(CALL)].flatMap(([, name = ""]) => [name, name.replace(/[.:|+-]+$/, "")].filter((one) => known.has(one) && one !== me).slice(0, 1));
  return [...new Set(called)].slice(0, MOST);
}
