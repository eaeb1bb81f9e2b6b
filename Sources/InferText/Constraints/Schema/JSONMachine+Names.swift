// Names: which may come next, and the languages of those that no statement knows.
extension JSONMachine {
  /// The frame before the first character of a name; `nil` when none may follow.
  mutating func names(behind frame: ObjectFrame) -> NameFrame? {
    // Names depend on the rules that values broke, not on the values.
    var key = frame.withoutTold
    key.others = frame.others
    if let known = nextNames[key] { return known }
    // All names have the steps of one search.
    var steps = Self.maxSteps
    let names = searching(steps: &steps) { $0.makeNames(behind: key) }
    if let names { nameSets[names.names].steps = steps }
    if nextNames.count == Self.maxKnownObjects { nextNames = [:] }
    if !isSearching { nextNames[key] = .some(names) }
    return names
  }

  private mutating func makeNames(behind frame: ObjectFrame) -> NameFrame? {
    let requirement = requirement(frame.requirement, of: .object)
    var others = otherNames(behind: frame, requirement)
    let indices = knownNames(behind: frame, requirement)
    let trie = requirement.table.trie
    nameSets.append(KnownNames(behind: frame, indices, trie, hasOthers: others != .nothing))
    let number = nameSets.count - 1
    if others != .nothing, !hasRoom(behind: nil, frame, requirement, hasOthers: true) { others = .nothing }
    let hasOthers = others != .nothing && !compiler.automaton.pool.isEmpty(others)
    guard hasOthers || hasName(of: number, below: NameTrie.root, trie) else { return nil }
    return NameFrame(
      node: NameTrie.root, names: number, others: others, patterns: others == .nothing ? [] : requirement.patterns,
      characters: others != .nothing && isCounted(frame, requirement) ? .exact([]) : nil)
  }

  /// The indices of the known names that were not there and may still come.
  func knownNames(behind frame: ObjectFrame, _ requirement: KindRequirement) -> [Int] {
    requirement.names.indices.filter { !frame.hasSeen($0) && !frame.isPassed($0) }
  }

  /// `true` where the value of a known name can be one with which the object can be completed.
  mutating func isMember(
    _ index: Int, behind frame: ObjectFrame, _ requirement: KindRequirement, hasOthers: Bool
  ) -> Bool {
    hasTurn(index, behind: frame, requirement)
      && hasRoom(behind: index, frame, requirement, hasOthers: hasOthers)
      && member(.known(index), behind: frame).requirement != nil
  }

  /// `true` where the names that come before a known one may be left out, since they will never come behind it.
  private mutating func hasTurn(_ index: Int, behind frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    guard index < requirement.orderedCount else { return true }
    var passed = frame
    passed.pass(before: index, requirement.table)
    guard requirement.isConjunction else { return goalTruth(in: passed, isEnd: false) != .no }
    return requirement.required.indices.allSatisfy { word in
      requirement.required[word] & ~frame.seen[word] & passed.passedNames(word) == 0
    }
  }

  /// `true` where the number of members behind the next one matters still.
  func isCounted(_ frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    if frame.members != nil { return true }
    guard requirement.isConjunction else { return requirement.isCounted }
    return requirement.counts.upperBound != .max || frame.count + 1 < requirement.counts.lowerBound
  }

  /// `true` when as many members may follow one more as there must be. It is the known name of an index, or another.
  mutating func hasRoom(
    behind index: Int?, _ frame: ObjectFrame, _ requirement: KindRequirement, hasOthers: Bool
  ) -> Bool {
    guard requirement.isCounted, requirement.isConjunction else { return true }
    var next = frame
    if let index {
      if index < requirement.orderedCount { next.pass(before: index, requirement.table) }
      next.seen[index >> 6] |= 1 << UInt64(index & 63)
    }
    let names = possibleNames(requirement, frame.requirement)
    var (required, possible) = (0, 0)
    for word in names.indices {
      let open = ~(next.seen[word] | next.passedNames(word))
      required += (requirement.required[word] & open).nonzeroBitCount
      possible += (names[word] & open).nonzeroBitCount
    }
    return frame.count + 1 + required <= requirement.counts.upperBound
      && (hasOthers || frame.count + 1 + possible >= requirement.counts.lowerBound)
  }

  /// The known names that a conjunction has values for.
  private mutating func possibleNames(_ requirement: KindRequirement, _ number: Int) -> [UInt64] {
    if let known = requirement.possible { return known }
    var possible = requirement.required.map { _ in UInt64(0) }
    let frame = requirement.emptyObject(number)
    for index in requirement.names.indices where member(.known(index), behind: frame).requirement != nil {
      possible[index >> 6] |= 1 << UInt64(index & 63)
    }
    requirement.possible = possible
    return possible
  }

  /// The language of the names that may follow and that no statement knows.
  mutating func otherNames(behind frame: ObjectFrame, _ requirement: KindRequirement) -> Expression {
    // Names that were there are of one object. What is left of a requirement that counted members keeps them.
    let isKept = requirement.isConjunction && !requirement.isCounted && frame.others.isEmpty
    if isKept, let known = requirement.otherNames { return known }
    var next = frame
    if requirement.isCounted { next.count += 1 }
    let language = language(of: requirement.goal, isTrue: true, next)
    guard language != .nothing else {
      if isKept, !isSearching { requirement.otherNames = .nothing }
      return .nothing
    }
    let refused = refusedOthers(behind: frame, requirement)
    // Where there may be any name, those that are known are told by the trie alone.
    if language == anyString || language == .everything, frame.others.isEmpty, refused.isEmpty {
      if isKept, !isSearching { requirement.otherNames = anyString }
      return anyString
    }
    let isKnown = requirement.table.language ?? compiler.automaton.pool.union(ofTexts: requirement.names.map(\.bytes))
    requirement.table.language = isKnown
    var parts = [language, compiler.automaton.pool.complement(isKnown), anyString]
    for names in refused { parts.append(compiler.automaton.pool.complement(names)) }
    if !frame.others.isEmpty {
      let taken = frame.others.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
      let isTaken = compiler.automaton.pool.union(ofTexts: taken)
      parts.append(compiler.automaton.pool.complement(isTaken))
    }
    var result = compiler.automaton.pool.intersection(parts)
    if compiler.automaton.pool.isEmpty(result) { result = .nothing }
    if isKept, !isSearching { requirement.otherNames = result }
    return result
  }

  /// The languages of other names behind which nothing completes the object, where its statements are alternatives.
  private mutating func refusedOthers(behind frame: ObjectFrame, _ requirement: KindRequirement) -> [Expression] {
    guard !requirement.isConjunction, let classes = classesOfOtherNames(requirement) else { return [] }
    return classes.filter { member(.other($0.matches, nil), behind: frame).requirement == nil }.map(\.names)
  }

  /// The state behind a byte of a name.
  mutating func advance(_ frame: NameFrame, _ byte: UInt8, _ parent: State) -> State {
    guard case .object(let object, let outer) = states[parent] else { return Self.dead }
    if frame.escape == .none, byte == UInt8(ascii: "\"") { return finish(frame, object, parent, outer) }
    let trie = requirement(object.requirement, of: .object).table.trie
    var frame = frame
    switch frame.escape.advance(byte) {
    case .refused: return Self.dead
    case .inside:
      let characters = frame.escape.characters
      let isKnown = frame.node.map { hasCharacter(characters, of: frame.names, below: $0, trie) } ?? false
      guard isKnown || frame.others != .nothing && hasCharacter(characters, frame.others) else { return Self.dead }
    case .text(let bytes):
      frame.others = compiler.automaton.next(frame.others, bytes)
      for byte in bytes { frame.node = frame.node.flatMap { trie.child(of: $0, byte) } }
      if frame.others == .nothing, let node = frame.node, !hasName(of: frame.names, below: node, trie) {
        frame.node = nil
      }
      guard frame.node != nil || frame.others != .nothing else { return Self.dead }
      if frame.others == .nothing {
        frame.patterns = []
        frame.characters = nil
      } else {
        for index in frame.patterns.indices {
          frame.patterns[index] = compiler.automaton.next(frame.patterns[index], bytes)
        }
        frame.characters?.append(bytes, texts(knownIn: parent))
      }
    }
    return state(.name(frame, parent: parent))
  }

  /// The state behind a name.
  mutating func finish(_ frame: NameFrame, _ object: ObjectFrame, _ before: State, _ parent: State) -> State {
    let trie = requirement(object.requirement, of: .object).table.trie
    let name: Name
    if let place = frame.node.flatMap({ trie.place(at: $0) }) {
      guard isAllowed(place, of: frame.names, trie) else { return Self.dead }
      name = .known(trie.numbers[Int(place)])
    } else if compiler.automaton.isAccepting(frame.others) {
      name = .other(
        frame.patterns.map { compiler.automaton.isAccepting($0) }, frame.characters.map { JSONName(bytes: $0.bytes) })
    } else {
      return Self.dead
    }
    // Of names that no statement knows, many come to the same.
    let end = JSONStates.NameEnd(object: before, name: name)
    if let known = states.nameEnds[end] { return known }
    let result = finish(name, object, parent)
    states.nameEnds[end] = result
    return result
  }

  private mutating func finish(_ name: Name, _ object: ObjectFrame, _ parent: State) -> State {
    let member = member(name, behind: object)
    guard let requirement = member.requirement else { return Self.dead }
    var next = self.frame(behind: name, object)
    next.place = .behindName
    next.pending = requirement
    next.held = member.held
    if object.members != nil {
      switch name {
      case .known(let index): next.name = self.requirement(object.requirement, of: .object).names[index]
      case .other(_, let name): next.name = name
      }
    }
    return state(.object(next, parent: parent))
  }

  /// The names, of those that no statement knows, with which a formula may become true, or false.
  mutating func language(of formula: Formula, isTrue: Bool, _ frame: ObjectFrame) -> Expression {
    let statements = statements(of: requirement(frame.requirement, of: .object))
    work.take(statements.table.count * 2)
    let truths = statements.table.truths(statements.truths(in: frame, isEnd: false))
    let known = KnownTruths(frame: frame, truths: truths, places: statements.table.places)
    var languages: [WantedTruth: Expression] = [:]
    return language(of: WantedTruth(formula: formula, isTrue: isTrue), known, &languages)
  }

  /// The truths of the statements about an object.
  private struct KnownTruths {
    let frame: ObjectFrame
    /// The truths of formulas, by their places.
    let truths: [Truth]
    let places: [Formula: Int]

    func truth(of formula: Formula) -> Truth { places[formula].map { truths[$0] } ?? .unknown }
  }

  private mutating func language(
    of wanted: WantedTruth, _ known: KnownTruths, _ languages: inout [WantedTruth: Expression]
  ) -> Expression {
    guard compiler.pool.isLarge(wanted.formula) else { return computedLanguage(of: wanted, known, &languages) }
    if let result = languages[wanted] { return result }
    let result = computedLanguage(of: wanted, known, &languages)
    languages[wanted] = result
    return result
  }

  private mutating func computedLanguage(
    of wanted: WantedTruth, _ known: KnownTruths, _ languages: inout [WantedTruth: Expression]
  ) -> Expression {
    let isTrue = wanted.isTrue
    func each(_ parts: [Formula], isTrue: Bool) -> [Expression] {
      parts.map { language(of: WantedTruth(formula: $0, isTrue: isTrue), known, &languages) }
    }
    switch compiler.pool[wanted.formula] {
    case .constant(let value): return value == isTrue ? .everything : .nothing
    case .not(let inner): return language(of: WantedTruth(formula: inner, isTrue: !isTrue), known, &languages)
    case .all(let parts):
      let each = each(parts, isTrue: isTrue)
      return isTrue ? compiler.automaton.pool.intersection(each) : compiler.automaton.pool.union(each)
    case .any(let parts):
      let each = each(parts, isTrue: isTrue)
      return isTrue ? compiler.automaton.pool.union(each) : compiler.automaton.pool.intersection(each)
    case .exactlyOne(let parts):
      return isTrue ? compiler.automaton.pool.union(each(parts, isTrue: true)) : .everything
    case .leaf(.members(let rule)) where isTrue && !known.frame.broken.contains(rule):
      let rule = compiler.memberRules[rule]
      var denied: [Expression] = []
      for pattern in rule.patterns where !isPossible(schema: pattern.schema) { denied.append(pattern.names) }
      let isDenied = compiler.automaton.pool.union(denied)
      let allowed = compiler.automaton.pool.complement(isDenied)
      if isPossible(schema: rule.others) { return allowed }
      let given = compiler.automaton.pool.union(rule.patterns.map(\.names))
      return compiler.automaton.pool.intersection([allowed, given])
    case .leaf(.memberNames(let names)) where isTrue && !known.frame.brokenNames.contains(names):
      return names
    case .leaf:
      return known.truth(of: wanted.formula) == (isTrue ? .no : .yes) ? .nothing : .everything
    }
  }
}
