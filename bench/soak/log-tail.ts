// The lines that were added to a log file since the last look, also over its rotation.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export class LogTail {
  private readonly file: string;
  private inode = 0;
  private offset = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** Whole lines; one that is still being written is left for the next look. */
  lines(): string[] {
    const rotated = this.inode === 0 ? [] : this.rest(`${this.file}.1`, this.inode);
    const current = this.read(this.file);
    return [...rotated, ...current];
  }

  /** What an older file has that was not read while it was the current one. */
  private rest(file: string, inode: number): string[] {
    const handle = open(this.file);
    const now = handle === null ? 0 : fstatSync(handle).ino;
    if (handle !== null) closeSync(handle);
    if (now === inode) return [];
    const older = open(file);
    try {
      if (older === null || fstatSync(older).ino !== inode) return [];
      return readFrom(older, this.offset).text.split("\n").filter((line) => line !== "");
    } finally {
      if (older !== null) closeSync(older);
      this.offset = 0;
    }
  }

  private read(file: string): string[] {
    const handle = open(file);
    if (handle === null) return [];
    try {
      this.inode = fstatSync(handle).ino;
      const { text, end } = readFrom(handle, this.offset);
      this.offset = end;
      return text.split("\n").filter((line) => line !== "");
    } finally {
      closeSync(handle);
    }
  }
}

function open(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Up to the last end of a line. */
function readFrom(handle: number, offset: number): { text: string; end: number } {
  const bytes = Buffer.alloc(Math.max(0, fstatSync(handle).size - offset));
  const got = readSync(handle, bytes, 0, bytes.length, offset);
  const whole = bytes.subarray(0, bytes.subarray(0, got).lastIndexOf(10) + 1);
  return { text: whole.toString(), end: offset + whole.length };
}
