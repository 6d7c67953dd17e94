// One line when something begins, one every twenty seconds while it lasts (each second on a terminal), one at its end.
// Written to stderr, so that stdout holds results only.

const TERMINAL_MS = 1_000;
const PLAIN_MS = 20_000;

/** Begins a step and returns the function that ends it, to be called once with what was reached. */
export function progress(label) {
  const begun = Date.now();
  const terminal = process.stderr.isTTY === true;
  const seconds = () => `${((Date.now() - begun) / 1000).toFixed(0)} s`;
  process.stderr.write(terminal ? `confab: ${label}…` : `confab: ${label}…\n`);
  const show = () => process.stderr.write(terminal ? `\r\x1b[Kconfab: ${label}… ${seconds()}` : `confab: ${label}… ${seconds()}\n`);
  const timer = setInterval(show, terminal ? TERMINAL_MS : PLAIN_MS);
  timer.unref();
  return (result) => {
    clearInterval(timer);
    process.stderr.write(`${terminal ? "\r\x1b[K" : ""}confab: ${result} (${((Date.now() - begun) / 1000).toFixed(1)} s)\n`);
  };
}
