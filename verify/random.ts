// Seeded randomness: the same seed gives the same plan on every machine.

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** True in `share` of all cases. */
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** `count` different ones, or all where there are fewer; in random order. */
  some<T>(items: readonly T[], count: number): T[];
  /** Randomness of its own: what one part of a plan takes does not move the others. */
  branch(label: string): Random;
}

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  // mulberry32: 32 bits of state are plenty for a plan, and it is the same few operations everywhere.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  const some = <T>(items: readonly T[], count: number): T[] => {
    const rest = [...items];
    const taken: T[] = [];
    while (taken.length < count && rest.length > 0) taken.push(...rest.splice(int(0, rest.length - 1), 1));
    return taken;
  };
  return {
    next, int, some,
    chance: (share) => next() < share,
    pick: (items) => {
      if (items.length === 0) throw new Error("nothing to pick from");
      return items[int(0, items.length - 1)] as (typeof items)[number];
    },
    branch: (label) => seededBy(`${seed}:${label}`),
  };
}

/** Randomness of a name. */
export function seededBy(name: string): Random {
  return seeded(hash(name));
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
