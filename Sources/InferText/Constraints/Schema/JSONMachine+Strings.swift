// Strings: followed in one language that is all that the statements say of them, and in one for each outcome.
extension JSONMachine {
  mutating func beginString(_ number: Int, _ parent: State) -> State {
    let requirement = requirement(number, of: .string)
    var languages = [language(requirement.goal)]
    guard !compiler.automaton.pool.isEmpty(languages[0]) else { return Self.dead }
    // A goal that is the only outcome is followed once.
    if requirement.outcomes != [requirement.goal] {
      for outcome in requirement.outcomes { languages.append(language(outcome)) }
    }
    let characters = isTold(number) ? ToldText.exact([]) : nil
    return state(.string(StringFrame(languages: languages, characters: characters), parent: parent))
  }

  /// The state in which the value that follows a state begins as a string of a language; ``dead`` where it cannot be one.
  mutating func stringState(of language: Expression, before state: State) -> State {
    guard case .value(let number, let parent) = states[state] else { return Self.dead }
    var requirement = requirements[number]
    requirement.goal = compiler.pool.all([requirement.goal, compiler.pool.leaf(.string(language))])
    return beginString(self.number(of: requirement), parent)
  }

  mutating func advance(_ frame: StringFrame, _ byte: UInt8, _ parent: State) -> State {
    if frame.escape == .none, byte == UInt8(ascii: "\"") { return finish(frame, parent) }
    var frame = frame
    switch frame.escape.advance(byte) {
    case .refused: return Self.dead
    case .inside:
      guard hasCharacter(frame.escape.characters, frame.languages[0]) else { return Self.dead }
    case .text(let bytes):
      for index in frame.languages.indices {
        frame.languages[index] = compiler.automaton.next(frame.languages[index], bytes)
      }
      guard frame.languages[0] != .nothing else { return Self.dead }
      frame.characters?.append(bytes, texts(knownIn: parent))
    }
    return state(.string(frame, parent: parent))
  }

  /// `true` when a string of a language may begin with one of some characters.
  mutating func hasCharacter(_ characters: CodePointSet, _ language: Expression) -> Bool {
    if language == anyString { return !characters.ranges.isEmpty }
    // Of many, one at an end will mostly do.
    for range in characters.ranges {
      for value in [range.lowerBound, range.upperBound] {
        guard let bytes = Unicode.Scalar(value).flatMap(UTF8.encode) else { continue }
        if compiler.automaton.next(language, bytes) != .nothing { return true }
      }
    }
    let next = compiler.automaton.pool.character(of: characters)
    let some = compiler.automaton.pool.sequence(next, .everything)
    let both = compiler.automaton.pool.intersection([language, some])
    return !compiler.automaton.pool.isEmpty(both)
  }

  mutating func finish(_ frame: StringFrame, _ parent: State) -> State {
    guard compiler.automaton.isAccepting(frame.languages[0]) else { return Self.dead }
    let others = frame.languages.dropFirst()
    let bits = others.isEmpty ? [true] : others.map { compiler.automaton.isAccepting($0) }
    return finish(parent, Outcomes(bits: bits), frame.characters.map { .string($0.bytes) })
  }

  /// The language of the strings of which a formula is true, in UTF-8.
  mutating func language(_ formula: Formula) -> Expression {
    let language = compiler.language(formula)
    return compiler.automaton.pool.isText(language)
      ? language : compiler.automaton.pool.intersection([language, anyString])
  }
}
