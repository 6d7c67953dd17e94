// The addresses of one deployment, tried in turn.

export class Doors {
  readonly #urls: readonly string[];
  #index = 0;

  /** @param urls http(s) or ws(s) addresses, without a path */
  constructor(urls: string | readonly string[]) {
    const list = (typeof urls === "string" ? [urls] : urls).map((url) => url.replace(/^ws/, "http").replace(/\/+$/, ""));
    if (list.length === 0) throw new TypeError("connect needs at least one url");
    this.#urls = list;
  }

  get count(): number {
    return this.#urls.length;
  }

  /** An http(s) address without a slash at its end. */
  current(): string {
    return this.#urls[this.#index] as string;
  }

  next(): void {
    this.#index = (this.#index + 1) % this.#urls.length;
  }
}
