// Requests to the server that this page came from. Paths are relative, since the server may stand below a path.

const keyName = "infer-serve.key";

export const key = {
  get: () => localStorage.getItem(keyName) ?? "",
  set: (value) => value ? localStorage.setItem(keyName, value) : localStorage.removeItem(keyName),
};

/** A refusal: its message and its code are the server's. */
export class Refusal extends Error {
  constructor(status, message, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Asks the server; an answer that refuses is thrown. A refusal for want of a key is told to the page as `keywanted`. */
export async function request(path, { body, headers, signal } = {}) {
  const all = { ...headers };
  if (key.get()) all.Authorization = `Bearer ${key.get()}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST", headers: all, signal, cache: "no-store",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response;
  if (response.status === 401) document.dispatchEvent(new CustomEvent("keywanted"));
  let error = {};
  try { error = (await response.json()).error; } catch { /* The status has to do. */ }
  throw new Refusal(response.status, error.message ?? `${response.status} ${response.statusText}`, error.code);
}

/** The JSON document at a path. */
export async function get(path, signal) {
  return (await request(path, { headers: { Accept: "application/json" }, signal })).json();
}

/** The data of a response's server-sent events, as they come, up to `[DONE]` or the end. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  // Pieces of a line that has no end yet: adding them up piece by piece would copy a long line again and again.
  let open = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = value.split("\n");
      open.push(lines.shift());
      for (const next of lines) {
        const line = open.join("");
        open = [next];
        if (!line.startsWith("data:")) continue;
        const data = line.slice(5).trim();
        if (data === "[DONE]") return;
        yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
