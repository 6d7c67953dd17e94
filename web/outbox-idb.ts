// Unsent messages in this browser's IndexedDB, one database per user, shared by that user's windows.
import type { OutboxStore, StoredMessage } from "../client/client.ts";

const MESSAGES = "messages";

export class IndexedDbOutboxStore implements OutboxStore {
  readonly #database: Promise<IDBDatabase>;

  constructor(user_id: string) {
    const opening = indexedDB.open(`confab.outbox.${user_id}`, 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(MESSAGES, { keyPath: "client_msg_id" }));
    this.#database = answered(opening);
  }

  async load(): Promise<StoredMessage[]> {
    const database = await this.#database;
    return answered(database.transaction(MESSAGES).objectStore(MESSAGES).getAll() as IDBRequest<StoredMessage[]>);
  }

  async put(message: StoredMessage): Promise<void> {
    await this.#write((messages) => messages.put(message));
  }

  async remove(client_msg_id: string): Promise<void> {
    await this.#write((messages) => messages.delete(client_msg_id));
  }

  async #write(change: (messages: IDBObjectStore) => IDBRequest): Promise<void> {
    const transaction = (await this.#database).transaction(MESSAGES, "readwrite");
    const done = new Promise<void>((resolve, reject) => {
      transaction.addEventListener("complete", () => resolve());
      transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("the transaction was aborted")));
    });
    change(transaction.objectStore(MESSAGES));
    // Not left to the end of the turn: a page that goes away in between would take the message with it.
    transaction.commit();
    await done;
  }
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")));
  });
}
