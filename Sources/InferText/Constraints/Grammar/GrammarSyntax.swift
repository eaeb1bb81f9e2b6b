/// A language that grammars are written in.
public enum GrammarSyntax: String, Sendable, CaseIterable {
  /// llama.cpp's GBNF, whose rules are `name ::= …` and begin with `root`.
  case gbnf
  /// The language of Lark, whose rules are `name: …` and begin with `start`.
  case lark

  /// The language that a grammar seems to be in.
  init(of grammar: String) {
    let isRule = { (line: Substring) in line.prefixMatch(of: /\s*[A-Za-z0-9_\-]+\s*::=/) != nil }
    self = grammar.split(whereSeparator: \.isNewline).contains(where: isRule) ? .gbnf : .lark
  }
}
