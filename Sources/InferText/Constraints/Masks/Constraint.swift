internal import Foundation

/// A language that a generated text must be in: JSON that is valid against a schema, the matches of a regular expression, some
/// texts, or those of a context-free grammar.
///
/// Made once and used for any number of texts, on any threads: states and masks that one has found are there for the others.
public final class Constraint: Sendable {
  /// The number of states that a constraint may find in each of its automata. Beyond it is full: no text goes on.
  package static let stateLimit = 1 << 17

  private let automaton: any TokenAutomaton
  /// `true` when it is about reasoning too.
  let isWhole: Bool

  /// The places where JSON has white space between its parts.
  public enum WhiteSpace: String, Sendable {
    /// Between any two parts, and at both ends.
    case anywhere
    /// In strings alone.
    case nowhere
  }

  /// A language that texts are in.
  public enum Language: Equatable, Sendable {
    /// JSON texts that are valid against a schema (draft 2020-12; older drafts as their `$schema` says).
    ///
    /// Members come in the order of each `properties` that names them; names that two of those put in different places may
    /// stand anywhere, and so may others. There may be white space between any two parts; see ``WhiteSpaceLimits``. Numbers
    /// have fewer than a hundred characters, and as many more as the schema's constants have. Where the schema says something
    /// of a number, it has an exponent only behind one digit and a fraction.
    ///
    /// Nothing is looked up elsewhere: a reference is to the schema itself.
    case schema(JSONValue, WhiteSpace = .anywhere)
    /// Texts that a regular expression of ECMAScript matches as a whole.
    case regex(String)
    /// Some texts.
    case choice([String])
    /// Texts of a context-free grammar; without a syntax it is found out.
    case grammar(String, GrammarSyntax?)
  }

  /// The texts of a language.
  ///
  /// - Parameters:
  ///   - language: The language.
  ///   - format: The makeup of a model's answers, whose content may have no place for some texts; `nil` for any text.
  ///   - vocabulary: The vocabulary.
  /// - Throws: ``ConstraintError`` for what cannot be read or held, with its place, and where no text is in the language.
  public convenience init(
    _ language: Language, format: OutputFormat? = nil, for vocabulary: MaskVocabulary
  ) throws(ConstraintError) {
    let machine = try language.machine()
    self.init(try format?.content(machine) ?? machine, vocabulary)
  }

  /// JSON texts that are valid against a schema; see ``Language/schema(_:_:)``.
  public convenience init(schema: JSONValue, for vocabulary: MaskVocabulary) throws(ConstraintError) {
    try self.init(.schema(schema), for: vocabulary)
  }

  /// Texts that a regular expression of ECMAScript matches as a whole.
  public convenience init(regex: String, for vocabulary: MaskVocabulary) throws(ConstraintError) {
    try self.init(.regex(regex), for: vocabulary)
  }

  /// Some texts.
  public convenience init(choice texts: [String], for vocabulary: MaskVocabulary) throws(ConstraintError) {
    try self.init(.choice(texts), for: vocabulary)
  }

  /// Texts of a context-free grammar; without a syntax it is found out.
  public convenience init(
    grammar: String, syntax: GrammarSyntax? = nil, for vocabulary: MaskVocabulary
  ) throws(ConstraintError) {
    try self.init(.grammar(grammar, syntax), for: vocabulary)
  }

  /// Answers that may be calls of tools as well as content, from behind the reasoning on, or from their beginning where the
  /// format has channels.
  ///
  /// A call has the name of one of the tools, and arguments that are valid against its schema.
  ///
  /// - Parameters:
  ///   - content: The language of content; `nil` for any text.
  ///   - calls: The calls that there may be.
  ///   - format: The makeup of the model's answers, with which the vocabulary was made too.
  ///   - vocabulary: The vocabulary.
  /// - Throws: ``ConstraintError`` for what cannot be held, and where a call is demanded and there can be none.
  public convenience init(
    content: Language?, calls: CallRules, format: OutputFormat, for vocabulary: MaskVocabulary
  ) throws(ConstraintError) {
    let grammar = try AnswerGrammar(
      content: try content.map { content throws(ConstraintError) in try format.content(try content.machine()) }, calls,
      format, vocabulary.marks)
    self.init(try grammar.machine(), vocabulary, isWhole: format.toolCalls == .harmony)
  }

  init(_ machine: any ByteMachine, _ vocabulary: MaskVocabulary, isWhole: Bool = false) {
    self.isWhole = isWhole

    func masked(_ machine: some ByteMachine) -> any TokenAutomaton { MaskedMachine(machine, vocabulary) }
    automaton = masked(machine)
  }

  /// `true` once texts have found so many states that others had better start with a new constraint.
  package var isWorn: Bool { automaton.isHalfFull }

  /// Finds the tokens with which a text may begin, which tells whether the constraint can be followed at all.
  ///
  /// - Throws: ``ConstraintError`` where that takes more work than a token may.
  package func start() throws(ConstraintError) {
    let cursor = makeCursor(whiteSpace: .generated)
    _ = cursor.mask()
    if cursor.isFull { throw .tooLarge }
  }

  /// A cursor at the start of a text.
  public func makeCursor(whiteSpace limits: WhiteSpaceLimits = .written) -> ConstraintCursor {
    ConstraintCursor(automaton, limits)
  }
}

extension Constraint.Language {
  /// An automaton over the language.
  func machine() throws(ConstraintError) -> any ByteMachine {
    switch self {
    case .schema(let schema, let whiteSpace):
      do { return try JSONMachine(schema, whiteSpace) } catch { throw ConstraintError(reason: "\(error)") }
    case .regex(let text):
      var automaton = ByteAutomaton()
      let start: Expression
      do { start = try automaton.pool.match(text) } catch { throw ConstraintError(reason: "regex: \(error)") }
      guard !automaton.pool.isEmpty(start) else {
        let reason = automaton.pool.isFull ? "it is too large" : "it matches nothing"
        throw ConstraintError(reason: "regex: \(reason)")
      }
      return LanguageMachine(automaton, start: start)
    case .choice(let texts):
      guard !texts.isEmpty else { throw ConstraintError(reason: "choice: it is empty") }
      var automaton = ByteAutomaton()
      let start = automaton.pool.union(ofTexts: texts.map { Array($0.utf8) })
      guard !automaton.pool.isFull else { throw ConstraintError(reason: "choice: it is too large") }
      return LanguageMachine(automaton, start: start)
    case .grammar(let text, let syntax):
      do {
        let grammar =
          switch syntax ?? GrammarSyntax(of: text) {
          case .gbnf: try GBNFParser.parse(text)
          case .lark: try LarkParser.parse(text)
          }
        return try GrammarMachine(grammar)
      } catch {
        throw ConstraintError(reason: "grammar: \(error)")
      }
    }
  }
}
