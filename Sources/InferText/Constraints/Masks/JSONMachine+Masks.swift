/// Masks that a ``JSONMachine`` has found for parts of tokens.
struct StringMasks {
  /// Tokens that stay in strings of a language.
  var inner: [Expression: TokenMask] = [:]
  /// Tokens of whole characters of a kind, of which there may be any number.
  var characters: [Expression: TokenMask] = [:]
  /// The tokens that may follow in strings whose texts must be told, by the states in which masks see them.
  var told: [Int32: TokenMask] = [:]
}

// Most tokens stay in the string that they stand in, and whether one may depends on the string's language alone. Those with
// which a string ends are taken apart there: what stands behind the mark depends on the state behind the string alone.
extension JSONMachine {
  mutating func mask(of state: State, over vocabulary: MaskVocabulary) -> TokenMask {
    guard isTold(around: state) else { return makeMask(of: state, vocabulary) }
    if let masked = masked(state) {
      var mask = maskWithoutPairs(of: masked, vocabulary)
      walk(vocabulary.closing.pairs, from: state) { id, _ in mask.insert(id) }
      return mask
    }
    // Where values must be told there is a state for each text. Those that tokens lead to are of no use afterwards.
    let found = states
    defer { states = found }
    return makeMask(of: state, vocabulary)
  }

  /// `true` in a value that must be told at its end, and before one.
  private mutating func isTold(around state: State) -> Bool {
    switch states[state] {
    case .value(let requirement, _): isTold(requirement)
    case .string(let frame, _): frame.characters != nil
    case .name(let frame, _): frame.characters != nil
    case .array(let frame, _): frame.values != nil || requirement(frame.requirement, of: .array).isUnique
    case .object(let frame, _): frame.members != nil
    case .dead, .end, .word, .number: false
    }
  }

  private mutating func maskWithoutPairs(of state: State, _ vocabulary: MaskVocabulary) -> TokenMask {
    if let known = stringMasks.told[state] { return known }
    var mask = makeMask(of: state, vocabulary)
    vocabulary.closing.pairs.ids.forEach { mask.remove($0) }
    stringMasks.told[state] = mask
    return mask
  }

  private mutating func makeMask(of state: State, _ vocabulary: MaskVocabulary) -> TokenMask {
    guard var mask = innerMask(of: state, over: vocabulary) else { return walkedMask(of: state, over: vocabulary) }
    insertClosing(from: state, vocabulary, into: &mask) { machine, state in machine.tailMask(state, vocabulary) }
    return mask
  }

  // MARK: Tokens that stay in a string

  mutating func innerMask(of state: State, over vocabulary: MaskVocabulary) -> TokenMask? {
    switch states[state] {
    case .string(let frame, _) where frame.escape == .none:
      return innerMask(of: frame.languages[0], vocabulary)
    case .name(let frame, let parent) where frame.escape == .none && frame.others != .nothing:
      var mask = innerMask(of: frame.others, vocabulary)
      var known = frame
      known.others = .nothing
      if known.node != nil, freeLength(of: frame.others) != .max {
        let names = self.state(.name(known, parent: parent))
        walk(vocabulary.plain, from: names) { id, _ in mask.insert(id) }
        walk(vocabulary.escaped, from: names) { id, _ in mask.insert(id) }
      }
      return mask
    default: return nil
    }
  }

  private mutating func innerMask(of language: Expression, _ vocabulary: MaskVocabulary) -> TokenMask {
    if let length = freeLength(of: language) { return vocabulary.inner.mask(upTo: length) }
    if let known = stringMasks.inner[language] { return known }
    let mask: TokenMask
    if case .repetition(let one, _, let most) = compiler.automaton.pool[language],
      compiler.automaton.pool.isCharacter(one)
    {
      var all = stringMasks.characters[one] ?? TokenMask(size: 0)
      if all.words.isEmpty {
        all = makeInnerMask(of: compiler.automaton.pool.repetition(one, least: 0, most: nil), vocabulary)
        stringMasks.characters[one] = all
      }
      if let most { all.formIntersection(vocabulary.inner.mask(upTo: most)) }
      mask = all
    } else {
      mask = makeInnerMask(of: language, vocabulary)
    }
    stringMasks.inner[language] = mask
    return mask
  }

  /// The number of characters of which any text can be completed in a language; `nil` where some cannot.
  private func freeLength(of language: Expression) -> Int? {
    if language == anyString || language == .everything { return .max }
    let pool = compiler.automaton.pool
    switch pool[language] {
    case .repetition(let one, _, let most) where one == anyCharacter: return most ?? .max
    // Any text, and then something.
    case .sequence(let first, _) where first == anyString: return .max
    case .union(let parts): return parts.contains { freeLength(of: $0) == .max } ? .max : nil
    case .intersection(let parts):
      // All but finitely many strings are in each of these.
      let isFree = parts.allSatisfy { part in
        if part == anyString { return true }
        if case .complement(let inner) = pool[part] { return pool.isFinite(inner) }
        return false
      }
      return isFree ? .max : nil
    default: return nil
    }
  }

  private mutating func makeInnerMask(of language: Expression, _ vocabulary: MaskVocabulary) -> TokenMask {
    var mask = TokenMask(size: vocabulary.size)
    compiler.automaton.walk(vocabulary.plain, from: Int32(language.number)) { id, _ in mask.insert(id) }
    let state = state(.string(StringFrame(languages: [language]), parent: Self.dead))
    walk(vocabulary.escaped, from: state) { id, _ in mask.insert(id) }
    return mask
  }

  // MARK: Tokens with which a string ends

  private mutating func tailMask(_ state: State, _ vocabulary: MaskVocabulary) -> TokenMask {
    if let known = states.tails[state] { return known }
    let mask = walkedTails(behind: state, over: vocabulary)
    states.tails[state] = mask
    return mask
  }
}
