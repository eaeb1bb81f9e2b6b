// The chat: brings conversations, their turns and the server together.
import * as composer from "./composer.js";
import { append, create, parent, path, selected, step, told } from "./conversation.js";
import { announce, byID, element } from "./dom.js";
import { generate } from "./generation.js";
import puzzles from "./puzzles.js";
import * as settingsPanel from "./settings.js";
import * as sidebar from "./sidebar.js";
import * as store from "./store.js";
import { fillIn, t } from "./strings.js";
import { TurnView } from "./turns.js";

/** Conversations that were open since the page was loaded, so that there is one object for each; `null` for removed ones. */
const live = new Map();
let conversation = create();
let views = [];
/** Answers that are being written, by the id of their turns: they go on while another conversation is looked at. */
const running = new Map();

const actions = {
  edit(turn, text) {
    const sibling = append(conversation, parent(conversation, turn), { ...told(turn), content: text });
    if (turn.role === "assistant") { save(); show(); return; }
    // The results of other calls of the same answer stay behind it.
    const others = [];
    for (let next = selected(conversation, turn); turn.role === "tool" && next?.role === "tool"; next = selected(conversation, next)) others.push(next);
    answer(others.reduce((last, other) => append(conversation, last, told(other)), sibling));
  },
  again: (turn) => answer(parent(conversation, turn)),
  step(turn, places) {
    step(conversation, turn, places);
    save();
    show();
    const shown = views[path(conversation).findIndex((other) => other.parent === turn.parent)];
    (shown?.element.querySelector(`.versions button:not([disabled])`) ?? shown?.element)?.focus();
  },
  results(turn, texts) {
    let last = turn;
    turn.calls.filter(Boolean).forEach((call, index) => {
      last = append(conversation, last, { role: "tool", call: call.id, content: texts[index] ?? "" });
    });
    answer(last);
  },
};

function send(text) {
  const last = path(conversation).at(-1) ?? conversation.turns.root;
  answer(append(conversation, last, { role: "user", content: text }));
}

/** Has the model answer a turn. */
async function answer(last) {
  if (last.role === "root") return;
  const own = conversation;
  const turn = append(own, last, { role: "assistant", model: settingsPanel.settings.model });
  const control = new AbortController();
  running.set(turn.id, control);
  save(own);
  show();
  scrollDown(true);
  announce(t("writing"));
  let lastSaved = performance.now();
  await generate(own, turn, settingsPanel.current(), control.signal, () => {
    view(turn)?.grow();
    scrollDown(false);
    // What is there when the page is closed is there when it is opened again.
    if (performance.now() - lastSaved > 2000) {
      lastSaved = performance.now();
      if (live.get(own.id)) store.put(own);
    }
  });
  running.delete(turn.id);
  // The answer may have had its model loaded.
  settingsPanel.loadModels();
  own.updated = Date.now();
  save(own);
  view(turn)?.finish();
  scrollDown(false);
  setBusy();
  announce(turn.error ? t("failed", { message: turn.error }) : turn.stopped ? t("wasStopped") : t("written"));
}

const view = (turn) => views.find((view) => view.id === turn.id);

function stop() {
  for (const turn of path(conversation)) running.get(turn.id)?.abort();
}

function setBusy() { composer.setBusy(path(conversation).some((turn) => running.has(turn.id))); }

async function save(changed = conversation) {
  // An answer may end after its conversation was removed.
  if (live.get(changed.id) === null) return;
  await store.put(changed);
  sidebar.show(conversation.id);
}

/** Shows the conversation; turns that are shown already stay as they are. */
function show() {
  const turns = path(conversation);
  const list = byID("turns");
  const kept = new Map(views.filter((view) => view.conversation === conversation).map((view) => [view.id, view]));
  views = turns.map((turn) => {
    const old = kept.get(turn.id);
    const siblings = parent(conversation, turn).children.length;
    // Only a call of a tool looks different when something follows it.
    if (old && old.siblings === siblings && (!turn.calls || old.children === turn.children.length)) return old;
    const made = new TurnView(conversation, turn, actions);
    Object.assign(made, { id: turn.id, conversation, siblings, children: turn.children.length });
    if (running.has(turn.id)) made.begin();
    return made;
  });
  list.replaceChildren(...views.map((view) => view.element));
  byID("welcome").hidden = turns.length > 0;
  byID("system").value = conversation.system;
  document.title = conversation.title ? `${conversation.title} · infer-serve` : "infer-serve";
  setBusy();
}

// The conversation follows what is written for as long as its end is in sight.
let isAtEnd = true;

function scrollDown(always) {
  if (!always && !isAtEnd) return;
  requestAnimationFrame(() => {
    const log = byID("log");
    log.scrollTop = log.scrollHeight;
  });
}

function openConversation(chosen) {
  conversation = live.get(chosen.id) ?? chosen;
  live.set(conversation.id, conversation);
  show();
  sidebar.show(conversation.id);
  scrollDown(true);
  history.replaceState(null, "", `#${conversation.id}`);
  byID("message").focus();
}

function start() {
  fillIn();
  const changed = settingsPanel.setUp({ system(text) { conversation.system = text; save(); } });
  composer.setUp({ send(text) {
    live.set(conversation.id, conversation);
    history.replaceState(null, "", `#${conversation.id}`);
    send(text);
  }, stop, settings: settingsPanel.settings, changed });
  sidebar.setUp({
    open: openConversation, create: () => openConversation(create()),
    removed(id) {
      for (const turn of Object.keys(live.get(id)?.turns ?? {})) running.get(turn)?.abort();
      live.set(id, null);
      if (conversation.id === id) openConversation(create());
    },
  });
  byID("puzzles").append(...puzzles.map((puzzle) => element("li", {}, element("button", { type: "button", onclick: () => {
    byID("message").value = puzzle;
    byID("composer").requestSubmit();
  } }, puzzle))));
  byID("log").addEventListener("scroll", () => {
    const log = byID("log");
    isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  });
  document.addEventListener("keydown", shortcut);
  store.all().then((all) => {
    const wanted = all.find((other) => other.id === location.hash.slice(1));
    if (wanted) openConversation(wanted); else sidebar.show(conversation.id);
  });
  show();
}

function shortcut(event) {
  if (event.key === "Escape" && !byID("settings").open) {
    if (!sidebar.close()) stop();
    return;
  }
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const action = {
    KeyN: () => openConversation(create()), KeyK: sidebar.focusSearch, KeyM: () => byID("message").focus(),
    Comma: settingsPanel.open,
  }[event.code];
  if (!action) return;
  event.preventDefault();
  action();
}

start();
