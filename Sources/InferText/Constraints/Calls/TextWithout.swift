/// The texts of a machine in which another text does not occur.
///
/// A text may come to a place from which all ways on have the other text in them. Of a ``LanguageMachine`` there is
/// ``LanguageMachine/without(_:)``, which never does.
struct TextWithout: TranscodedMachine {
  struct Place: Hashable {
    /// The state in the other machine.
    let text: Int32
    /// The strings that may follow without the mark.
    let rest: Expression
  }

  private var machine: any ByteMachine
  private var automaton = ByteAutomaton()
  var states: TranscodedStates<Place>

  init(_ machine: any ByteMachine, _ mark: some Sequence<UInt8>) {
    self.machine = machine
    let rest = automaton.pool.texts(without: mark)
    states = TranscodedStates(start: Place(text: machine.start, rest: rest))
  }

  var isInnerFull: Bool { machine.isFull }
  var isInnerHalfFull: Bool { machine.isHalfFull }

  mutating func isAccepting(_ state: Int32) -> Bool { state != 0 && machine.isAccepting(states[state].text) }

  mutating func advance(_ place: Place, _ byte: UInt8) -> Place? {
    let (text, rest) = (machine.next(place.text, byte), automaton.next(place.rest, byte))
    return text == 0 || rest == .nothing ? nil : Place(text: text, rest: rest)
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
