/// A context-free grammar over bytes, whose terminals are languages of an automaton and texts of machines.
struct Grammar {
  /// A part of a rule.
  indirect enum Part: Sendable {
    /// A string of a language of ``Grammar/automaton``.
    case language(Expression)
    /// A text of one of the ``Grammar/machines``.
    case machine(Int)
    /// A text of a rule.
    case rule(Int)
    case sequence([Part])
    case choice([Part])
    case repetition(Part, least: Int, most: Int?)
  }

  struct Rule {
    let name: String
    var body: Part
  }

  var automaton = ByteAutomaton()
  var machines: [any ByteMachine] = []
  /// `true` for machines that accept the empty text.
  private(set) var acceptsNothing: [Bool] = []
  var rules: [Rule] = []
  /// The index of the rule that a text is.
  var start = 0

  /// A part that is a text.
  mutating func text(_ bytes: some Sequence<UInt8>) -> Part { .language(automaton.pool.text(bytes)) }

  /// A part that is a text.
  mutating func text(_ text: String) -> Part { self.text(text.utf8) }

  /// A part that is a text of a machine.
  mutating func part(_ machine: any ByteMachine) -> Part {
    var machine = machine
    acceptsNothing.append(machine.isAccepting(machine.start))
    machines.append(machine)
    return .machine(machines.count - 1)
  }

  /// Adds a rule, and returns the part that stands for it.
  mutating func rule(_ name: String, _ body: Part) -> Part {
    rules.append(Rule(name: name, body: body))
    return .rule(rules.count - 1)
  }
}

/// A grammar that cannot be read or held.
struct GrammarError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
