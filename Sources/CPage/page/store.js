// Conversations in the browser's database, or in memory where the browser has none to give.

const open = new Promise((resolve) => {
  try {
    const asked = indexedDB.open("infer-serve", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("conversations", { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => resolve(null);
    asked.onblocked = () => resolve(null);
  } catch {
    resolve(null);
  }
});

const memory = new Map();

async function transaction(mode, work) {
  const database = await open;
  if (!database) return undefined;
  return new Promise((resolve, reject) => {
    const change = database.transaction("conversations", mode);
    const asked = work(change.objectStore("conversations"));
    change.oncomplete = () => resolve(asked.result);
    change.onerror = () => reject(change.error);
    change.onabort = () => reject(change.error);
  });
}

/** All conversations, the last one changed first. */
export async function all() {
  const found = (await transaction("readonly", (store) => store.getAll())) ?? [...memory.values()];
  return found.sort((a, b) => b.updated - a.updated);
}

export async function put(conversation) {
  memory.set(conversation.id, conversation);
  await transaction("readwrite", (store) => store.put(conversation));
}

export async function remove(id) {
  memory.delete(id);
  await transaction("readwrite", (store) => store.delete(id));
}
