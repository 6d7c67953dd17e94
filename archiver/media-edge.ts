// What holds and the sweep ask of the edge about media. Each call may be made again: none does anything twice.
import type * as v from "valibot";
import { HoldAnswer, type HoldQuery, KeptAnswer, type MediaKept, SweepAnswer, type SweepQuery } from "../protocol/media-keeping.ts";
import { Absent, askEdge } from "./asking.ts";
import type { HttpEdge } from "./edge.ts";

export class MediaEdge {
  readonly #edge: Pick<HttpEdge, "call">;
  readonly #signal: AbortSignal;

  constructor(edge: Pick<HttpEdge, "call">, signal: AbortSignal) {
    this.#edge = edge;
    this.#signal = signal;
  }

  kept(): Promise<MediaKept> {
    return askEdge(this.#edge, this.#signal, "media/kept", {}, KeptAnswer);
  }

  sweep(query: v.InferInput<typeof SweepQuery>): Promise<v.InferOutput<typeof SweepAnswer>> {
    return askEdge(this.#edge, this.#signal, "media/sweep", query, SweepAnswer);
  }

  /** null: there is no such conversation. */
  async hold(query: HoldQuery): Promise<v.InferOutput<typeof HoldAnswer> | null> {
    try {
      return await askEdge(this.#edge, this.#signal, "media/hold", query, HoldAnswer);
    } catch (error) {
      if (error instanceof Absent) return null;
      throw error;
    }
  }
}
