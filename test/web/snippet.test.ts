import { expect, test } from "vitest";
import { snippetOf } from "../../web/snippet.ts";

const shown = (content: string, highlights: [number, number][]) => snippetOf(content, highlights).map(({ text, marked }) => (marked ? `[${text}]` : text)).join("");

test("[B2] a short message is shown whole, with its places marked", () => {
  expect(shown("see you in the Café", [[0, 7], [15, 19]])).toBe("[see you] in the [Café]");
  expect(shown("nothing", [])).toBe("nothing");
});

test("[B2] of a long one the text around the first place is shown, cut at words and never within a character", () => {
  const content = `${"word ".repeat(60)}here it is ${"more ".repeat(60)}`;
  const at = content.indexOf("here");
  const snippet = shown(content, [[at, at + 4]]);
  expect(snippet).toMatch(/^…(?:word )+\[here\] it is (?:more ?)+…$/u);
  expect(snippet.length).toBeLessThan(190);
  const emojis = "😀".repeat(300);
  for (let i = 0; i < 600; i += 2) expect(shown(emojis, [[i, i + 2]])).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/);
});
