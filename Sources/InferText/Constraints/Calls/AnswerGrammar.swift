/// A grammar of answers that may be content, or calls of tools, or both.
struct AnswerGrammar {
  private let content: (any ByteMachine)?
  private let rules: CallRules
  private let calls: CallGrammar
  private let openings: [String]
  private let marks: AnswerMarks
  private var grammar = Grammar()

  /// - Parameters:
  ///   - content: The language of content; `nil` for any text.
  ///   - rules: The calls that there may be.
  ///   - format: The makeup of the model's answers.
  ///   - marks: The special tokens of the model's tokenizer.
  /// - Throws: ``ConstraintError`` for schemas that cannot be held, and where a call is demanded and there can be none.
  init(
    content: (any ByteMachine)?, _ rules: CallRules, _ format: OutputFormat, _ marks: AnswerMarks
  ) throws(ConstraintError) {
    self.content = content
    self.rules = rules
    self.marks = marks
    let toolCalls = format.toolCalls ?? .none
    openings = toolCalls.markers(suffix: format.tagSuffix).filter { !$0.isOnlyFirst }.map {
      String(decoding: $0.literal, as: UTF8.self)
    }
    calls = CallGrammar(
      format: toolCalls, suffix: format.tagSuffix, isFenced: format.hasFencedArguments,
      functions: try rules.functions(in: format),
      allowsSeveral: rules.allowsSeveral, marks: marks)
  }

  /// An automaton over answers.
  func machine() throws(ConstraintError) -> GrammarMachine {
    var builder = self
    guard rules.demand == .none || calls.areAny else {
      throw ConstraintError(.demand, reason: "no function can be called")
    }
    do {
      let root = builder.root()
      builder.grammar.rules.append(Grammar.Rule(name: "answer", body: root))
      builder.grammar.start = builder.grammar.rules.count - 1
      return try GrammarMachine(builder.grammar)
    } catch {
      throw ConstraintError(.calls, reason: "\(error)")
    }
  }

  private mutating func root() -> Grammar.Part {
    let isHarmony = calls.format == .harmony
    guard let call = calls.calls(&grammar) else {
      let content = self.content.map { grammar.part($0) } ?? text(without: openings)
      return isHarmony ? .sequence([thoughts(), final(content)]) : content
    }
    let calls = grammar.rule("calls", call)
    if isHarmony { return harmony(calls) }
    let isDemanded = rules.demand != .none
    if isDemanded { return .sequence([grammar.space(upTo: 4), calls, grammar.space(upTo: 4)]) }
    if let content {
      return .choice([grammar.part(content), .sequence([grammar.space(upTo: 4), calls])])
    }
    let text = text(without: openings)
    switch self.calls.format {
    case .llama3: return .choice([text, .sequence([grammar.space(upTo: 4), calls])])
    default:
      return .sequence([text, .repetition(.sequence([calls, text]), least: 0, most: rules.allowsSeveral ? nil : 1)])
    }
  }

  // MARK: Text

  /// Any text that has none of some texts in it, and does not begin as a call that nothing announces.
  private mutating func text(without texts: [String]) -> Grammar.Part {
    let all = anyText()
    var pool = grammar.automaton.pool
    let found = pool.union(ofTexts: texts.map { Array($0.utf8) })
    var refused = [pool.sequence(.everything, pool.sequence(found, .everything))]
    if calls.format == .llama3 { refused += bareCalls(&pool).map { pool.sequence($0, .everything) } }
    let result = pool.intersection([all, pool.complement(pool.union(refused))])
    grammar.automaton.pool = pool
    return .language(result)
  }

  /// The beginnings of objects that a reader takes for calls: those with the name of a function, and those with arguments or
  /// the kind of a call, whatever the name.
  private func bareCalls(_ pool: inout ExpressionPool) -> [Expression] {
    let names = pool.union(ofTexts: calls.functions.map { Array(JSONValue.string($0.name).serialized().utf8) })
    let start = try? pool.match(#"\s*\{\s*"name"\s*:\s*"#)
    return [start.map { pool.sequence($0, names) }, try? pool.match(Self.bareCall)].compactMap(\.self)
  }

  private static let bareCall =
    #"\s*\{\s*"((parameters|arguments)"|name"\s*:\s*"([^"\\]|\\.)*"\s*,\s*"(parameters|arguments)"|type"\s*:\s*"function")"#

  /// Characters and special tokens.
  private mutating func anyText() -> Expression {
    var other = ByteSet()
    other.insert(AnswerMarks.other)
    var pool = grammar.automaton.pool
    let one = pool.union([pool.character(of: .all), pool.bytes(other)])
    let result = pool.repetition(one, least: 0, most: nil)
    grammar.automaton.pool = pool
    return result
  }

  // MARK: Channels

  /// Messages of gpt-oss: thoughts and preambles, and then calls or the answer.
  private mutating func harmony(_ call: Grammar.Part) -> Grammar.Part {
    let next = Grammar.Part.sequence([marks.part("<|call|>", &grammar), begin()])
    let calls = Grammar.Part.sequence([
      call, .repetition(.sequence([next, thoughts(), call]), least: 0, most: rules.allowsSeveral ? nil : 0),
    ])
    guard rules.demand == .none else { return .sequence([thoughts(), calls]) }
    let content = self.content.map { grammar.part($0) } ?? text(without: HarmonyParser.literals)
    return .sequence([thoughts(), .choice([calls, final(content)])])
  }

  private mutating func thoughts() -> Grammar.Part {
    let channel = Grammar.Part.choice([grammar.text("analysis"), grammar.text("commentary")])
    let body = text(without: HarmonyParser.literals)
    return .repetition(
      .sequence([header(channel), body, marks.part("<|end|>", &grammar), begin()]), least: 0, most: nil)
  }

  private mutating func final(_ content: Grammar.Part) -> Grammar.Part {
    .sequence([header(grammar.text("final")), content])
  }

  private mutating func header(_ channel: Grammar.Part) -> Grammar.Part {
    .sequence([marks.part("<|channel|>", &grammar), channel, marks.part("<|message|>", &grammar)])
  }

  private mutating func begin() -> Grammar.Part {
    .sequence([marks.part("<|start|>", &grammar), grammar.text("assistant")])
  }
}
