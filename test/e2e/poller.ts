// A device that polls, with nothing of the client library.
import { request, type Answer, type User } from "./api.ts";
import type { Frame } from "./raw-socket.ts";

export interface Polled {
  readonly frames: Frame[];
  readonly user_seq: number;
}

export class Poller {
  readonly frames: Frame[] = [];
  user_seq = 0;
  readonly #user: User;
  readonly #url: string;
  readonly #device: string | null;

  /** @param url http://…, the product's or a proxy's */
  constructor(user: User, url: string, device_id: string | null = null) {
    this.#user = user;
    this.#url = url;
    this.#device = device_id;
  }

  get #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#user.token}`, "content-type": "application/json" };
  }

  ask(wait: number, user_seq = this.user_seq): Promise<Answer<Polled>> {
    const device = this.#device === null ? "" : `&device_id=${this.#device}`;
    return request(`${this.#url}/v1/poll?user_seq=${user_seq}&wait=${wait}${device}`, "GET", { headers: this.#headers });
  }

  /** One poll; its frames are kept, and its user_seq counts from here on. */
  async poll(wait = 5_000): Promise<Frame[]> {
    const { status, body, text } = await this.ask(wait);
    if (status !== 200) throw new Error(`not polled: ${status} ${text}`);
    this.frames.push(...body.frames);
    this.user_seq = body.user_seq;
    return body.frames;
  }

  /** Polls until a frame fits. */
  async take(fits: (frame: Frame) => boolean, ms = 15_000): Promise<Frame> {
    const deadline = Date.now() + ms;
    for (let next = 0; ; ) {
      const found = this.frames.slice(next).find(fits);
      if (found !== undefined) return found;
      next = this.frames.length;
      if (Date.now() > deadline) throw new Error(`nothing came; received ${JSON.stringify(this.frames).slice(0, 2_000)}`);
      await this.poll();
    }
  }

  /** Frames up; what they are answered. */
  async post(frames: object): Promise<Frame[]> {
    const answer = await this.raw(JSON.stringify(frames));
    if (answer.status !== 200) throw new Error(`not posted: ${answer.status} ${answer.text}`);
    return answer.body.frames;
  }

  raw(body: string): Promise<Answer<{ frames: Frame[] }>> {
    const device = this.#device === null ? "" : `?device_id=${this.#device}`;
    return request(`${this.#url}/v1/frames${device}`, "POST", { headers: this.#headers, body });
  }
}
