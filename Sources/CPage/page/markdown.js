// Markdown as it grows. marked takes the text apart, and elements are made of its tokens one by one: HTML is only ever
// shown, links lead to the web and to mail alone, and images are links, since nothing is loaded from elsewhere.
import { Lexer, use } from "./vendor/marked.js";
import { formula } from "./mathematics.js";
import { element, icon } from "./dom.js";
import { t } from "./strings.js";

const delimited = (name, level, start, rule, isDisplayed) => ({
  name, level,
  start: (text) => { const at = text.search(start); return at < 0 ? undefined : at; },
  tokenizer(text) {
    const found = rule.exec(text);
    if (found) return { type: "formula", raw: found[0], text: found[1].trim(), isDisplayed };
  },
});

use({
  extensions: [
    delimited("formulaBlock", "block", /\n {0,3}\$\$/, /^ {0,3}\$\$([^$]{1,4000}?)\$\$[ \t]*(?:\n|$)/, true),
    delimited("formulaBlock2", "block", /\n {0,3}\\\[/, /^ {0,3}\\\[([^]{1,4000}?)\\\][ \t]*(?:\n|$)/, true),
    delimited("formulaDisplay", "inline", /\$\$/, /^\$\$([^$\n]{1,4000}?)\$\$/, true),
    delimited("formulaInline", "inline", /\$/, /^\$(?![\s$])([^$\n]{0,999}[^\s$\\])\$(?!\d)/, false),
    delimited("formulaInline2", "inline", /\\\(/, /^\\\(([^\n]{1,999}?)\\\)/, false),
  ],
});

// Longer runs of text are shown as they are: what they could mean is not worth the time.
const inlineLimit = 8_000;
const growingLimit = 16_000;
const finalLimit = 100_000;
const pieceLength = 8_000;

class BoundedLexer extends Lexer {
  inlineTokens(text, tokens = []) {
    if (text.length <= inlineLimit) return super.inlineTokens(text, tokens);
    tokens.push({ type: "escape", raw: text, text: text.replaceAll("&", "&amp;") });
    return tokens;
  }
}

/** The way in which the lexer reads line ends and tabs, so that its tokens add up to the text. */
const normal = (text) =>
  text.replace(/\r\n?/g, "\n").replace(/^( *)(\t+)/gm, (_, spaces, tabs) => spaces + "    ".repeat(tabs.length));

/** An element's markdown, which may grow at its end. Blocks that are complete are never touched again. */
export class MarkdownView {
  #element;
  #settled = 0;
  #open = [];
  #plain;

  constructor(element) { this.#element = element; }

  /** Shows a text that begins as the last one did. */
  update(text, isComplete) {
    const rest = normal(text).slice(this.#settled);
    if (rest.length > (isComplete ? finalLimit : growingLimit)) return this.#showPlain(rest);
    this.#clear();
    let tokens;
    // marked knows a block of code that has no end yet by the end of its last line.
    try { tokens = new BoundedLexer().lex(rest + "\n"); } catch { return this.#showPlain(rest); }
    let last = lastBlock(tokens, tokens.length - 1);
    // A line that has only begun may yet go on with the list before it.
    if (last > 0 && /^.{0,11}\n*$/.test(tokens[last].raw)) last = lastBlock(tokens, last - 1);
    tokens.forEach((token, index) => {
      const made = block(token);
      if (made) this.#element.append(made);
      if (index < last) this.#settled += token.raw.length;
      else if (made) this.#open.push(made);
    });
  }

  #clear() {
    this.#plain?.remove();
    this.#plain = undefined;
    for (const element of this.#open) element.remove();
    this.#open = [];
  }

  #showPlain(text) {
    if (!this.#plain) {
      this.#clear();
      this.#plain = element("div", { class: "plain" });
      this.#element.append(this.#plain);
    }
    // Only what is new is given to the browser, in pieces that it can lay out, and leave out, one by one.
    let shown = Number(this.#plain.dataset.length ?? 0);
    while (shown < text.length) {
      const end = Math.min(text.length, (Math.floor(shown / pieceLength) + 1) * pieceLength);
      if (shown % pieceLength === 0) this.#plain.append(element("div"));
      this.#plain.lastChild.append(text.slice(shown, end));
      shown = end;
    }
    this.#plain.dataset.length = shown;
  }
}

/** The index of the last block up to one; an empty line is none, since it does not end a list. */
function lastBlock(tokens, index) {
  while (index > 0 && tokens[index].type === "space") index--;
  return index;
}

const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** The text that marked has escaped, as it was meant. */
function unescaped(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));/g, (whole, decimal, hex, name) => {
    if (name) return named[name];
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    return code > 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : whole;
  });
}

function block(token) {
  switch (token.type) {
    case "space": case "def": return null;
    case "heading": return element(`h${Math.min(token.depth + 2, 6)}`, {}, ...inline(token.tokens));
    case "paragraph": return element("p", {}, ...inline(token.tokens));
    case "text": return element("p", {}, ...(token.tokens ? inline(token.tokens) : [unescaped(token.text)]));
    case "code": return code(token.text, token.lang);
    case "blockquote": return element("blockquote", {}, ...blocks(token.tokens));
    case "hr": return element("hr");
    case "list": return list(token);
    case "table": return table(token);
    case "formula": return formula(token.text, true);
    default: return element("p", {}, token.raw);
  }
}

const blocks = (tokens) => tokens.map(block).filter(Boolean);

function list(token) {
  const items = token.items.map((item) => {
    const content = item.tokens.flatMap((part) =>
      part.type === "text" && !item.loose ? (part.tokens ? inline(part.tokens) : [unescaped(part.text)]) : [block(part)]);
    const box = item.task && element("input", { type: "checkbox", disabled: true, checked: item.checked, "aria-label": item.checked ? "☑" : "☐" });
    return element("li", {}, box, ...content.filter(Boolean));
  });
  return element(token.ordered ? "ol" : "ul", token.ordered && token.start > 1 ? { start: token.start } : {}, ...items);
}

function table(token) {
  const cell = (tag) => (content, index) =>
    element(tag, { class: token.align[index] && `align-${token.align[index]}`, scope: tag === "th" && "col" }, ...inline(content.tokens));
  const made = element("table", {},
    element("thead", {}, element("tr", {}, ...token.header.map(cell("th")))),
    element("tbody", {}, ...token.rows.map((row) => element("tr", {}, ...row.map(cell("td"))))));
  return element("div", { class: "wide", tabIndex: 0, role: "group", "aria-label": t("table") }, made);
}

/** A block of code, which can be copied. */
export function code(text, language) {
  const copy = element("button", { type: "button", class: "copy" }, icon("copy"), t("copy"));
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.replaceChildren(icon("done"), t("copied"));
    setTimeout(() => copy.replaceChildren(icon("copy"), t("copy")), 1500);
  });
  const name = (language ?? "").trim().split(/\s/)[0].slice(0, 30);
  return element("figure", { class: "code" },
    element("figcaption", {}, element("span", {}, name), copy),
    element("pre", { tabIndex: 0 }, element("code", {}, text)));
}

const schemes = /^(?:https?|mailto):/i;

function link(token, content) {
  const href = unescaped(token.href ?? "");
  if (!schemes.test(href) || !URL.canParse(href)) return element("span", {}, ...content);
  return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...content);
}

function inline(tokens) {
  return tokens.map((token) => {
    switch (token.type) {
      case "escape": return unescaped(token.text);
      case "text": return token.tokens ? element("span", {}, ...inline(token.tokens)) : unescaped(token.text);
      case "strong": return element("strong", {}, ...inline(token.tokens));
      case "em": return element("em", {}, ...inline(token.tokens));
      case "del": return element("del", {}, ...inline(token.tokens));
      case "codespan": return element("code", {}, unescaped(token.text));
      case "br": return element("br");
      case "link": return link(token, inline(token.tokens));
      case "image": return link(token, [unescaped(token.text) || token.href]);
      case "formula": return formula(token.text, token.isDisplayed);
      default: return token.raw;
    }
  });
}
