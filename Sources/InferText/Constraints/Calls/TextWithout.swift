/// The texts of a machine in which some others do not occur.
///
/// A text may come to a place from which all ways on have one of the others in them. Of a ``LanguageMachine`` there is
/// ``LanguageMachine/without(_:)``, which never does; in JSON there is an escape of each character.
struct TextWithout: TranscodedMachine {
  struct Place: Hashable {
    /// The state in the other machine.
    let text: Int32
    /// The strings that may follow without the others.
    let rest: Expression
  }

  private var machine: any ByteMachine
  private var automaton = ByteAutomaton()
  var states: TranscodedStates<Place>
  /// The tokens that may follow as far as the others go.
  private var masks: [Expression: TokenMask] = [:]
  /// Tails of tokens that may stand behind the end of a string, by the state there.
  private var tails: [Int32: TokenMask] = [:]

  init(_ machine: any ByteMachine, _ marks: [String]) {
    self.machine = machine
    let rest = automaton.pool.texts(without: marks)
    states = TranscodedStates(start: Place(text: machine.start, rest: rest))
  }

  var isInnerFull: Bool { machine.isFull || automaton.pool.isFull }
  var isInnerHalfFull: Bool { machine.isHalfFull || automaton.pool.isHalfFull }

  mutating func renewWork() {
    machine.renewWork()
    automaton.pool.work.renew()
  }

  mutating func isAccepting(_ state: Int32) -> Bool { state != 0 && machine.isAccepting(states[state].text) }

  mutating func advance(_ place: Place, _ byte: UInt8) -> Place? {
    let (text, rest) = (machine.next(place.text, byte), automaton.next(place.rest, byte))
    return text == 0 || rest == .nothing ? nil : Place(text: text, rest: rest)
  }

  func isBetweenParts(_ state: Int32) -> Bool { state != 0 && machine.isBetweenParts(states[state].text) }

  mutating func mask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask {
    guard var mask = innerMask(of: state, over: vocabulary) else { return walkedMask(of: state, over: vocabulary) }
    insertClosing(from: state, vocabulary, into: &mask) { machine, state in
      if let known = machine.tails[state] { return known }
      let mask = machine.walkedTails(behind: state, over: vocabulary)
      machine.tails[state] = mask
      return mask
    }
    return mask
  }

  mutating func innerMask(of state: Int32, over vocabulary: MaskVocabulary) -> TokenMask? {
    guard state != 0, var mask = machine.innerMask(of: states[state].text, over: vocabulary) else { return nil }
    let rest = states[state].rest
    var others = masks[rest] ?? TokenMask(size: 0)
    if others.words.isEmpty {
      others = TokenMask(size: vocabulary.size)
      automaton.walk(vocabulary.all, from: Int32(rest.number)) { id, _ in others.insert(id) }
      masks[rest] = others
    }
    mask.formIntersection(others)
    return mask
  }
}

extension LanguageMachine {
  /// The texts of the language in which some others do not occur.
  ///
  /// - Throws: ``ConstraintError`` where one of them occurs in each.
  func without(_ marks: [String]) throws(ConstraintError) -> LanguageMachine {
    var automaton = automaton
    let rest = automaton.pool.texts(without: marks)
    let start = automaton.pool.intersection([Expression(number: start), rest])
    guard !automaton.pool.isEmpty(start) else {
      let found = marks.joined(separator: " or ")
      throw ConstraintError(
        reason: automaton.pool.isFull
          ? "it is too large" : "all of its texts have \(found) in them, which ends a text in the model's answers")
    }
    return LanguageMachine(automaton, start: start)
  }
}

extension ExpressionPool {
  /// The strings in which some texts do not occur.
  fileprivate mutating func texts(without marks: [String]) -> Expression {
    let found = union(ofTexts: marks.map { Array($0.utf8) })
    return complement(sequence(.everything, sequence(found, .everything)))
  }
}

extension OutputFormat {
  /// The texts of a machine that can stand as an argument in calls: those without what would end the argument there.
  func argument(_ machine: any ByteMachine) throws(ConstraintError) -> any ByteMachine {
    guard let tags = toolCalls?.tags(suffix: tagSuffix) else { return try content(machine) }
    return try without([tags.valueEnd], machine)
  }

  /// The texts of a machine that can stand as the content of an answer: those without what would end it.
  func content(_ machine: any ByteMachine) throws(ConstraintError) -> any ByteMachine {
    reasoning == .harmony || toolCalls == .harmony ? try without(HarmonyParser.endings, machine) : machine
  }

  private func without(
    _ marks: [String], _ machine: any ByteMachine
  ) throws(ConstraintError) -> any ByteMachine {
    guard let language = machine as? LanguageMachine else { return TextWithout(machine, marks) }
    return try language.without(marks)
  }
}
