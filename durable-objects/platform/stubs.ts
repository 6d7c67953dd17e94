// Stubs of other objects, one for each, which keeps its calls in order. A stub is broken for good after an exception.

export class Stubs<S> {
  private readonly stubs = new Map<string, S>();
  private readonly make: (name: string) => S;

  constructor(make: (name: string) => S) {
    this.make = make;
  }

  async through<T>(name: string, call: (stub: S) => Promise<T>): Promise<T> {
    const stub = this.stubs.get(name) ?? this.make(name);
    this.stubs.set(name, stub);
    try {
      return await call(stub);
    } catch (error) {
      this.stubs.delete(name);
      throw error;
    }
  }
}
