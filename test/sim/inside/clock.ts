// The one clock and the one order of everything that happens. An event belongs to an owner; those of a dead owner don't happen.
// Between two events all promises settle, so whatever runs belongs to the event's owner.

/** Whose code runs: an object's life, a device, the Worker. What it waits for dies with it. */
export interface Owner {
  readonly name: string;
  alive: boolean;
  /** Timers that it waits for. */
  timers: number;
}

export interface Timer {
  readonly cancel: () => void;
}

interface Happening {
  at: number;
  no: number;
  owner: Owner;
  what: string;
  run: (() => void) | null;
}

/** Node's own way to settle what waits: ticks and promises, synchronously. */
const { _tickCallback: settlePromises } = process as unknown as { _tickCallback: () => void };

export function newOwner(name: string): Owner {
  return { name, alive: true, timers: 0 };
}

export class Clock {
  now: number;
  /** Whose code runs now. */
  current: Owner;
  steps = 0;
  readonly #heap: Happening[] = [];
  #no = 0;
  readonly #seen: (owner: Owner, what: string) => void;
  readonly #failed: (error: unknown) => void;

  constructor(start: number, nobody: Owner, seen: (owner: Owner, what: string) => void, failed: (error: unknown) => void) {
    this.now = start;
    this.current = nobody;
    this.#seen = seen;
    this.#failed = failed;
  }

  get waiting(): number {
    return this.#heap.length;
  }

  /** @param after ms from now */
  after(owner: Owner, after: number, what: string, run: () => void): Timer {
    const happening: Happening = { at: this.now + Math.max(0, Math.ceil(after)), no: this.#no++, owner, what, run };
    this.#push(happening);
    return { cancel: () => (happening.run = null) };
  }

  /** When the next event is; null where nothing waits. */
  get next(): number | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return null;
      if (first.run !== null && first.owner.alive) return first.at;
      this.#pop();
    }
  }

  /** The next event. False: nothing waits. */
  step(): boolean {
    if (this.next === null) return false;
    const { at, owner, what, run } = this.#pop() as Happening;
    this.now = Math.max(this.now, at);
    this.steps += 1;
    this.#seen(owner, what);
    this.as(owner, run as () => void);
    return true;
  }

  /** Runs in the name of an owner, until all promises have settled. */
  as(owner: Owner, run: () => void): void {
    const before = this.current;
    this.current = owner;
    try {
      run();
    } catch (error) {
      this.#failed(error);
    }
    settlePromises();
    this.current = before;
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let i = heap.push(happening) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(happening, heap[parent] as Happening)) break;
      heap[i] = heap[parent] as Happening;
      i = parent;
    }
    heap[i] = happening;
  }

  #pop(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Happening, heap[child] as Happening)) child += 1;
      if (!isBefore(heap[child] as Happening, last)) break;
      heap[i] = heap[child] as Happening;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.no < b.no);
}
