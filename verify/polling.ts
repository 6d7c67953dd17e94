// A device behind a proxy that lets no socket through: one poll is always under way, and what is written goes in requests, one
// after the other. The first of them that fails ends it, as a broken socket would.
import { type Connection, encode, type Frame, nextNumber, type OnFrames } from "./connection.ts";
import type { Deployment } from "./deployment.ts";
import { call } from "./rest.ts";

const WAIT_MS = 4_000;

export class Polling implements Connection {
  readonly number = nextNumber();
  private readonly deployment: Deployment;
  private readonly user_id: string;
  private readonly device_id: string;
  private readonly onFrames: OnFrames;
  private frames = 0;
  private ended = false;
  private detached = false;
  private user_seq: number;
  private posting: Promise<void> = Promise.resolve();
  private readonly listeners: (() => void)[] = [];

  private constructor(deployment: Deployment, userId: string, deviceId: string, onFrames: OnFrames, userSeq: number) {
    this.deployment = deployment;
    this.user_id = userId;
    this.device_id = deviceId;
    this.onFrames = onFrames;
    this.user_seq = userSeq;
  }

  /** Resolves with the first answer. @param userSeq of the last answer that arrived */
  static async open(deployment: Deployment, userId: string, deviceId: string, onFrames: OnFrames, userSeq: number): Promise<Polling> {
    const polling = new Polling(deployment, userId, deviceId, onFrames, userSeq);
    const first = await polling.ask(0);
    if (first === null) throw new Error(`${userId}'s first poll was not answered`);
    polling.heard(first);
    // What a socket is greeted with.
    onFrames([{ type: "hello", user_seq: polling.user_seq }], polling);
    void polling.run();
    return polling;
  }

  closed(): Promise<number> {
    return new Promise((resolve) => {
      if (this.ended || this.detached) resolve(1006);
      this.listeners.push(() => resolve(1006));
    });
  }

  write(frames: readonly Frame[]): number[] {
    const places = frames.map((_, i) => this.frames + i);
    this.frames += frames.length;
    const body = encode(frames);
    this.posting = this.posting.then(async () => {
      if (this.ended || this.detached) return;
      const answer = await call(this.deployment, this.user_id, "POST", `/v1/frames?device_id=${this.device_id}`, body).catch(() => null);
      if (answer?.status === 200) this.take(answer.body);
      else this.cut();
    });
    return places;
  }

  cut(): void {
    this.ended = true;
    for (const listener of this.listeners) listener();
  }

  leaveHalfOpen(): void {
    this.detached = true;
    this.cut();
  }

  private async run(): Promise<void> {
    while (!this.ended) {
      const answer = await this.ask(WAIT_MS);
      if (answer === null) return this.cut();
      this.heard(answer);
    }
  }

  /** null where there is no answer, or another than frames. */
  private async ask(wait: number): Promise<unknown> {
    const query = `user_seq=${this.user_seq}&wait=${wait}&device_id=${this.device_id}`;
    const answer = await call(this.deployment, this.user_id, "GET", `/v1/poll?${query}`).catch(() => null);
    return answer?.status === 200 ? answer.body : null;
  }

  /** What can't be made sense of in it ends the run: it is no connection that broke. */
  private heard(answer: unknown): void {
    this.take(answer);
    this.user_seq = (answer as { user_seq: number }).user_seq;
  }

  private take(answer: unknown): void {
    if (!this.ended && !this.detached) this.onFrames((answer as { frames: Frame[] }).frames, this);
  }
}
