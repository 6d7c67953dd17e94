// Unsent messages in this browser's IndexedDB, one database per user, shared by that user's windows; and their files in
// another, which an older page that has the first one open does not hold up.
import type { OutboxStore, StoredMessage } from "../client/client.ts";

const MESSAGES = "messages";
const FILES = "files";

export class IndexedDbOutboxStore implements OutboxStore {
  readonly #messages: Promise<IDBDatabase>;
  readonly #files: Promise<IDBDatabase>;

  constructor(user_id: string) {
    this.#messages = opened(`confab.outbox.${user_id}`, (database) => database.createObjectStore(MESSAGES, { keyPath: "client_msg_id" }));
    this.#files = opened(`confab.files.${user_id}`, (database) => database.createObjectStore(FILES));
    // Who needs it is told; until then nobody may listen.
    this.#files.catch(() => undefined);
  }

  async load(): Promise<StoredMessage[]> {
    const database = await this.#messages;
    return answered(database.transaction(MESSAGES).objectStore(MESSAGES).getAll() as IDBRequest<StoredMessage[]>);
  }

  async put(message: StoredMessage): Promise<void> {
    await written(await this.#messages, MESSAGES, (messages) => messages.put(message));
  }

  async remove(client_msg_id: string): Promise<void> {
    await written(await this.#messages, MESSAGES, (messages) => messages.delete(client_msg_id));
  }

  async putFile(client_msg_id: string, file: Blob): Promise<void> {
    await written(await this.#files, FILES, (files) => files.put(file, client_msg_id));
  }

  async removeFile(client_msg_id: string): Promise<void> {
    await written(await this.#files, FILES, (files) => files.delete(client_msg_id));
  }

  async loadFile(client_msg_id: string): Promise<Blob | null> {
    const database = await this.#files;
    return (await answered(database.transaction(FILES).objectStore(FILES).get(client_msg_id) as IDBRequest<Blob | undefined>)) ?? null;
  }
}

function opened(name: string, create: (database: IDBDatabase) => void): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, 1);
  opening.addEventListener("upgradeneeded", () => create(opening.result));
  return answered(opening);
}

async function written(database: IDBDatabase, store: string, change: (objects: IDBObjectStore) => IDBRequest): Promise<void> {
  const transaction = database.transaction(store, "readwrite");
  const done = new Promise<void>((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("the transaction was aborted")));
  });
  change(transaction.objectStore(store));
  // Not left to the end of the turn: a page that goes away in between would take the message with it.
  transaction.commit();
  await done;
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")));
  });
}
