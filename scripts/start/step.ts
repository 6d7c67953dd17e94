// A step of the start: silent when it is quick, and shown while it lasts when it is not.
const QUIET_MS = 2_000;
const AGAIN_MS = 5_000;

/** Awaits `work`; after two seconds, and then every five, `say` is told that it still goes on. */
export async function step<T>(label: string, work: Promise<T>, say: (line: string) => void): Promise<T> {
  const begun = Date.now();
  const seconds = (): string => ((Date.now() - begun) / 1000).toFixed(0);
  let timer = setTimeout(show, QUIET_MS);
  function show(): void {
    say(`${label}… ${seconds()} s`);
    timer = setTimeout(show, AGAIN_MS);
  }
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
