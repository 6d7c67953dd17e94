// An object has one alarm; this makes it serve several tasks. What is due is derived from state, so a task can't be lost:
// whoever commits work that waits calls arm() in the same turn.
import { RETRY_MAX_MS, retryDelay } from "../../domain/retry.ts";

export interface Task {
  name: string;
  /** ms when it is due; null while nothing waits. */
  dueAt(now: number): number | null;
  run(now: number): Promise<void>;
}

/** The object's one alarm, ms. */
export interface AlarmClock {
  setAlarm(at: number): Promise<void>;
}

/** An alarm that is this late is taken for lost, and set again; so is a task that runs this long. */
const LOST_MS = 60_000;
/** The platform gives no further alarm before this one has returned: a task that takes longer goes on by itself. */
const PATIENCE_MS = 500;

interface Backoff {
  attempts: number;
  until: number;
}

export class Tasks {
  private readonly backoff = new Map<string, Backoff>();
  /** Tasks that go on after the alarm that started them, since when. */
  private readonly left = new Map<string, number>();
  /** What the alarm is known to be set to; a later one needs no write. */
  private armed: number | null;
  private readonly storage: AlarmClock;
  private readonly tasks: readonly Task[];
  private readonly failed: (task: string, error: unknown) => void;

  constructor(
    storage: AlarmClock,
    armed: number | null,
    tasks: readonly Task[],
    failed: (task: string, error: unknown) => void,
  ) {
    this.storage = storage;
    this.armed = armed;
    this.tasks = tasks;
    this.failed = failed;
  }

  /**
   * Sets the alarm to the earliest due time, unless it stands earlier. No `await` between the commit and this: both become
   * durable together, or neither does.
   */
  arm(now: number): void {
    const due = this.nextDue(now);
    if (due === null) return;
    // Never `now` itself: an alarm set for the present from within its handler may not fire (cloudflare/workerd#6866).
    const at = Math.max(due, now + 1);
    // One that is about to fire is not moved again, or a busy object would push it ahead of itself for ever.
    if (this.armed !== null && this.armed <= at && this.armed > now - LOST_MS) return;
    this.armed = at;
    void this.storage.setAlarm(this.armed);
  }

  /** The alarm has fired: runs all that is due. Never throws, or the platform would give up after six tries. */
  async fired(now: () => number): Promise<void> {
    this.armed = null;
    for (const task of this.tasks) {
      const due = this.dueOf(task, now());
      if (due === null || due > now()) continue;
      const work = this.run(task, now);
      if (await withinPatience(work)) continue;
      this.left.set(task.name, now());
      void work.then(() => {
        this.left.delete(task.name);
        this.arm(now());
      });
    }
    this.arm(now());
  }

  /** Never rejects. */
  private async run(task: Task, now: () => number): Promise<void> {
    try {
      await task.run(now());
      this.backoff.delete(task.name);
    } catch (error) {
      this.failed(task.name, error);
      const attempts = (this.backoff.get(task.name)?.attempts ?? 0) + 1;
      this.backoff.set(task.name, { attempts, until: now() + retryDelay(attempts, Math.random()) });
    }
  }

  private nextDue(now: number): number | null {
    const dues = this.tasks.map((task) => this.dueOf(task, now)).filter((due) => due !== null);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  private dueOf(task: Task, now: number): number | null {
    const since = this.left.get(task.name);
    // Should the object die meanwhile, there must be an alarm.
    if (since !== undefined && Math.abs(now - since) < LOST_MS) return since + LOST_MS;
    const due = task.dueAt(now);
    const until = this.backoff.get(task.name)?.until ?? 0;
    return due === null || until > now + RETRY_MAX_MS ? due : Math.max(due, until);
  }
}

async function withinPatience(work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  const done = await Promise.race([work.then(() => true), enough]);
  clearTimeout(timer);
  return done;
}
