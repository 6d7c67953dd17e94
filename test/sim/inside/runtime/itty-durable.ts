// A deployment whose operator has set nothing: the settings come from the environment's variables.

interface Holder {
  SETTINGS?: unknown;
}

export function withDurables(): (holder: Holder) => void {
  return (holder) => {
    holder.SETTINGS = { get: () => ({ read: () => Promise.resolve({}), change: () => Promise.resolve({}) }) };
  };
}

export function createDurable(): new () => object {
  return class {};
}
