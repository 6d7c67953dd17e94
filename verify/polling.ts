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
    await polling.poll(0);
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
      const { status, body: answer } = await call(this.deployment, this.user_id, "POST", `/v1/frames?device_id=${this.device_id}`, body);
      if (status !== 200) throw new Error(`posted frames were answered with ${status}`);
      this.take(answer);
    }).catch(() => this.cut());
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
    try {
      while (!this.ended) await this.poll(WAIT_MS);
    } catch {
      this.cut();
    }
  }

  private async poll(wait: number): Promise<void> {
    const query = `user_seq=${this.user_seq}&wait=${wait}&device_id=${this.device_id}`;
    const { status, body } = await call(this.deployment, this.user_id, "GET", `/v1/poll?${query}`);
    if (status !== 200) throw new Error(`a poll was answered with ${status}`);
    this.take(body);
    this.user_seq = (body as { user_seq: number }).user_seq;
  }

  private take(answer: unknown): void {
    if (!this.ended && !this.detached) this.onFrames((answer as { frames: Frame[] }).frames, this);
  }
}
