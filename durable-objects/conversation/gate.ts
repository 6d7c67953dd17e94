// Lets a number of calls through at once. A slow one gives its place back while it is still under way, so that it delays
// nobody.

export class Gate {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly width: () => number;
  private readonly slowMs: number;

  constructor(width: () => number, slowMs: number) {
    this.width = width;
    this.slowMs = slowMs;
  }

  async through<T>(call: () => Promise<T>): Promise<T> {
    if (this.taken >= this.width()) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.taken += 1;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.taken -= 1;
      this.waiting.shift()?.();
    };
    const timer = setTimeout(release, this.slowMs);
    try {
      return await call();
    } finally {
      clearTimeout(timer);
      release();
    }
  }
}
