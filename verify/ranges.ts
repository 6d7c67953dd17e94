// A set of whole numbers as runs: what a device has of a conversation is nearly always one of them.

export class Ranges {
  /** Disjoint, ascending, never adjacent. */
  private readonly runs: [number, number][] = [];

  /** Returns false where it was there already. */
  add(value: number): boolean {
    let at = this.runs.length;
    // New ones come at the end.
    while (at > 0 && (this.runs[at - 1] as [number, number])[0] > value) at -= 1;
    const before = this.runs[at - 1];
    const after = this.runs[at];
    if (before !== undefined && before[1] >= value) return false;
    const joinsBefore = before !== undefined && before[1] + 1 === value;
    const joinsAfter = after !== undefined && after[0] - 1 === value;
    if (joinsBefore && joinsAfter) {
      before[1] = after[1];
      this.runs.splice(at, 1);
    } else if (joinsBefore) before[1] = value;
    else if (joinsAfter) after[0] = value;
    else this.runs.splice(at, 0, [value, value]);
    return true;
  }

  has(value: number): boolean {
    return this.runs.some(([from, to]) => from <= value && value <= to);
  }

  /** The last of the run that begins at or before `from` and reaches it; `from - 1` where it is not there. */
  reach(from: number): number {
    return this.runs.findLast(([first, last]) => first <= from && from <= last)?.[1] ?? from - 1;
  }

  list(): readonly (readonly [number, number])[] {
    return this.runs;
  }
}
