/// The texts of a machine in which another text does not occur.
///
/// A text may come to a place from which all ways on have the other text in them. Of a ``LanguageMachine`` there is
/// ``LanguageMachine/without(_:)``, which never does.
struct TextWithout: ByteMachine {
  private struct Place: Hashable {
    let text: Int32
    let rest: Expression
  }

  private var machine: any ByteMachine
  private var automaton = ByteAutomaton()
  private var states: TranscodedStates<Place>

  init(_ machine: any ByteMachine, _ mark: some Sequence<UInt8>) {
    self.machine = machine
    let rest = automaton.pool.texts(without: mark)
    states = TranscodedStates(start: Place(text: machine.start, rest: rest))
  }

  var start: Int32 { TranscodedStates<Place>.start }
  var isFull: Bool { states.isFull || machine.isFull }
  var isHalfFull: Bool { states.isHalfFull || machine.isHalfFull }

  func isBetweenParts(_ state: Int32) -> Bool { false }

  mutating func isAccepting(_ state: Int32) -> Bool { state != 0 && machine.isAccepting(states[state].text) }

  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    if let known = states.transitions[state, byte] { return known }
    var place: Place?
    if state != 0, !isFull {
      let here = states[state]
      let (text, rest) = (machine.next(here.text, byte), automaton.next(here.rest, byte))
      if text != 0, rest != .nothing { place = Place(text: text, rest: rest) }
    }
    let result = states.state(of: place)
    states.transitions[state, byte] = result
    return result
  }
}

extension LanguageMachine {
  /// The texts of the language in which another text does not occur.
  ///
  /// - Throws: ``ConstraintError`` where it occurs in all of them.
  func without(_ mark: String) throws(ConstraintError) -> LanguageMachine {
    var automaton = automaton
    let rest = automaton.pool.texts(without: mark.utf8)
    let start = automaton.pool.intersection([Expression(number: start), rest])
    guard !automaton.pool.isEmpty(start) else {
      throw ConstraintError(
        reason: automaton.pool.isFull
          ? "it is too large" : "all of its texts have \(mark) in them, which ends a text in the model's calls")
    }
    return LanguageMachine(automaton, start: start)
  }
}

extension ExpressionPool {
  /// The strings in which a text does not occur.
  fileprivate mutating func texts(without mark: some Sequence<UInt8>) -> Expression {
    complement(sequence(.everything, sequence(text(mark), .everything)))
  }
}

extension OutputFormat {
  /// The texts of a machine that can stand as an argument in calls: where tags are around it, those without the tag behind.
  func argument(_ machine: any ByteMachine) throws(ConstraintError) -> any ByteMachine {
    let tags: CallTags
    switch toolCalls {
    case .qwen3Coder: tags = .functions
    case .hyV3: tags = .pairs(suffix: tagSuffix)
    default: return machine
    }
    guard let language = machine as? LanguageMachine else { return TextWithout(machine, tags.valueEnd.utf8) }
    return try language.without(tags.valueEnd)
  }
}
