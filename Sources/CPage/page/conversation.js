// A conversation: a tree of turns, of which one path is shown. A turn that is edited or made again gets a sibling, and
// the old one stays.

const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export function create() {
  const now = Date.now();
  return {
    id: newID(), title: "", created: now, updated: now, system: "",
    turns: { root: { id: "root", role: "root", children: [], selected: 0 } },
  };
}

/** Adds a turn below another, and shows it. */
export function append(conversation, parent, turn) {
  const added = { id: newID(), parent: parent.id, children: [], selected: 0, content: "", ...turn };
  conversation.turns[added.id] = added;
  parent.children.push(added.id);
  parent.selected = parent.children.length - 1;
  if (!conversation.title && added.role === "user") conversation.title = added.content.trim().slice(0, 80);
  conversation.updated = Date.now();
  return added;
}

/** The turns that are shown, from the first on. */
export function path(conversation) {
  const shown = [];
  let turn = conversation.turns.root;
  while (turn.children.length) {
    turn = conversation.turns[turn.children[turn.selected]];
    shown.push(turn);
  }
  return shown;
}

/** The turn that is shown below another; `undefined` below the last. */
export const selected = (conversation, turn) => conversation.turns[turn.children[turn.selected]];

/** The part of a turn that the model is told of. */
export const told = ({ role, content, model, reasoning, reasoningSeconds, calls, call }) =>
  ({ role, content, model, reasoning, reasoningSeconds, calls, call });

export const parent = (conversation, turn) => conversation.turns[turn.parent];

/** Shows the sibling that stands so many places further. */
export function step(conversation, turn, places) {
  const above = parent(conversation, turn);
  above.selected = Math.min(Math.max(above.selected + places, 0), above.children.length - 1);
}

/** The messages up to a turn, as the API has them. */
export function messages(conversation, last) {
  const list = [];
  for (let turn = last; turn.role !== "root"; turn = parent(conversation, turn)) {
    if (turn.role === "assistant" && !turn.content && !turn.calls?.length) continue;
    const message = { role: turn.role, content: turn.content };
    if (turn.role === "assistant" && turn.reasoning) message.reasoning_content = turn.reasoning;
    if (turn.calls?.length) message.tool_calls = turn.calls;
    if (turn.role === "tool") message.tool_call_id = turn.call;
    list.unshift(message);
  }
  if (conversation.system.trim()) list.unshift({ role: "system", content: conversation.system });
  return list;
}

/** `true` where a text stands in the title or in any turn. */
export function has(conversation, text) {
  const wanted = text.trim().toLowerCase();
  return !wanted || conversation.title.toLowerCase().includes(wanted)
    || Object.values(conversation.turns).some((turn) => turn.content?.toLowerCase().includes(wanted));
}

const format = "infer-serve-conversations";

export const exported = (conversations) => JSON.stringify({ format, version: 1, conversations }, null, 1);

/** The conversations of an exported text, each with an id of its own; what is no conversation is refused. */
export function imported(text) {
  const file = JSON.parse(text);
  if (file?.format !== format || !Array.isArray(file.conversations)) throw new Error("format");
  return file.conversations.map((given) => {
    const conversation = create();
    for (const name of ["title", "system"]) if (typeof given[name] === "string") conversation[name] = given[name];
    for (const name of ["created", "updated"]) if (Number.isFinite(given[name])) conversation[name] = given[name];
    // Turns are taken over one by one along the tree, so that what hangs nowhere, or twice, is left behind.
    const seen = new Set(["root"]);
    const copy = (from, to) => {
      for (const id of from.children ?? []) {
        const turn = Object.hasOwn(given.turns, id) ? given.turns[id] : undefined;
        if (seen.has(id) || typeof turn?.content !== "string") continue;
        if (!["user", "assistant", "tool"].includes(turn.role)) continue;
        seen.add(id);
        waiting.push([turn, append(conversation, to, taken(turn))]);
      }
      if (Number.isInteger(from.selected)) to.selected = Math.min(Math.max(from.selected, 0), Math.max(to.children.length - 1, 0));
    };
    const { updated } = conversation;
    const waiting = [[given.turns.root, conversation.turns.root]];
    while (waiting.length) copy(...waiting.pop());
    return { ...conversation, updated };
  });
}

/** The members of a turn from outside that are known. */
function taken(turn) {
  const kept = { role: turn.role, content: turn.content };
  for (const name of ["reasoning", "call", "error", "model"]) if (typeof turn[name] === "string") kept[name] = turn[name];
  if (Number.isFinite(turn.reasoningSeconds)) kept.reasoningSeconds = turn.reasoningSeconds;
  if (Array.isArray(turn.calls)) {
    kept.calls = turn.calls.filter((call) => typeof call?.function?.name === "string").map((call) => ({
      id: String(call.id), type: "function",
      function: { name: call.function.name, arguments: String(call.function.arguments ?? "") },
    }));
  }
  if (turn.statistics && typeof turn.statistics === "object") {
    kept.statistics = Object.fromEntries(Object.entries(turn.statistics).filter(([, value]) => Number.isFinite(value)));
  }
  return kept;
}
