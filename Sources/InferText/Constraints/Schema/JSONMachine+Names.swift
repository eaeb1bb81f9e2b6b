// Names: which may come next, and the languages of those that no statement knows.
extension JSONMachine {
  /// The frame before the first character of a name; `nil` when none may follow.
  mutating func names(behind frame: ObjectFrame) -> NameFrame? {
    // Names depend on the rules that values broke, not on the values.
    var key = frame.withoutTold
    key.others = frame.others
    if let known = nextNames[key] { return known }
    // All names have the steps of one search.
    let names = searching { $0.makeNames(behind: frame) }
    if nextNames.count == Self.maxKnownObjects { nextNames = [:] }
    if !isSearching { nextNames[key] = .some(names) }
    return names
  }

  private mutating func makeNames(behind frame: ObjectFrame) -> NameFrame? {
    let requirement = requirement(frame.requirement, of: .object)
    var known = requirement.table.trie.none
    var others = otherNames(behind: frame, requirement)
    func add(_ index: Int) {
      guard hasRoom(behind: index, frame, requirement, hasOthers: others != .nothing) else { return }
      guard member(.known(index), behind: frame).requirement != nil else { return }
      requirement.table.trie.insert(index, into: &known)
    }
    for index in knownNames(behind: frame, requirement) { add(index) }
    if others != .nothing, !hasRoom(behind: nil, frame, requirement, hasOthers: true) { others = .nothing }
    let number = number(ofNames: known)
    let hasKnown = requirement.table.trie.has(known, below: NameTrie.root)
    guard hasKnown || !compiler.automaton.pool.isEmpty(others) else { return nil }
    return NameFrame(
      node: NameTrie.root, names: number, others: others, patterns: others == .nothing ? [] : requirement.patterns,
      characters: others != .nothing && isCounted(frame, requirement) ? .exact([]) : nil)
  }

  /// The indices of the known names that may come next in their order, and of those that have none and were not there.
  mutating func knownNames(behind frame: ObjectFrame, _ requirement: KindRequirement) -> [Int] {
    var indices: [Int] = []
    for index in frame.last + 1..<max(requirement.orderedCount, frame.last + 1) {
      indices.append(index)
      if !mayPass(index, frame, requirement) { break }
    }
    return indices + (requirement.orderedCount..<requirement.names.count).filter { !frame.hasSeen($0) }
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
    if requirement.rest.isEmpty {
      var (rest, start) = ([(required: 0, possible: 0)], frame)
      (start.last, start.count) = (-1, 0)
      for index in (0..<requirement.orderedCount).reversed() {
        let isRequired = requirement.isRequired(index)
        let isPossible = member(.known(index), behind: start).requirement != nil
        let last = rest[rest.count - 1]
        rest.append((last.required + (isRequired ? 1 : 0), last.possible + (isPossible ? 1 : 0)))
      }
      requirement.rest = rest.reversed()
    }
    var last = frame.last
    if let index, index < requirement.orderedCount { last = index }
    var rest = requirement.rest[last + 1]
    for free in requirement.orderedCount..<requirement.names.count where free != index && !frame.hasSeen(free) {
      rest.required += requirement.isRequired(free) ? 1 : 0
      rest.possible += member(.known(free), behind: frame).requirement != nil ? 1 : 0
    }
    return frame.count + 1 + rest.required <= requirement.counts.upperBound
      && (hasOthers || frame.count + 1 + rest.possible >= requirement.counts.lowerBound)
  }

  /// `true` when a known name may be left out for one behind it, since names that are passed over will never come.
  mutating func mayPass(_ index: Int, _ frame: ObjectFrame, _ requirement: KindRequirement) -> Bool {
    if requirement.isConjunction { return !requirement.isRequired(index) }
    var passed = frame
    passed.last = index
    return truth(of: requirement.goal, in: passed, isEnd: false) != .no
  }

  /// The language of the names that may follow and that no statement knows.
  mutating func otherNames(behind frame: ObjectFrame, _ requirement: KindRequirement) -> Expression {
    if let known = requirement.otherNames { return known }
    var next = frame
    if requirement.isCounted { next.count += 1 }
    let language = language(of: requirement.goal, isTrue: true, next)
    guard language != .nothing else {
      if requirement.isConjunction, !requirement.isCounted, !isSearching { requirement.otherNames = .nothing }
      return .nothing
    }
    let refused = refusedOthers(behind: frame, requirement)
    // Where there may be any name, those that are known are told by the trie alone.
    if language == anyString || language == .everything, frame.others.isEmpty, refused.isEmpty {
      if requirement.isConjunction, !requirement.isCounted, !isSearching { requirement.otherNames = anyString }
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
    // Where members are counted, names that were there are not among them.
    if requirement.isConjunction, !requirement.isCounted, !isSearching { requirement.otherNames = result }
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
    if frame.escape == .none, byte == UInt8(ascii: "\"") { return finish(frame, object, outer) }
    let trie = requirement(object.requirement, of: .object).table.trie
    let names = nameSets[frame.names]
    var frame = frame
    switch frame.escape.advance(byte) {
    case .refused: return Self.dead
    case .inside:
      let characters = frame.escape.characters
      let isKnown = frame.node.map { trie.hasCharacter(characters, names, below: $0) } ?? false
      guard isKnown || frame.others != .nothing && hasCharacter(characters, frame.others) else { return Self.dead }
    case .text(let bytes):
      frame.others = compiler.automaton.next(frame.others, bytes)
      for byte in bytes { frame.node = frame.node.flatMap { trie.child(of: $0, byte) } }
      if frame.others == .nothing { frame.node = frame.node.flatMap { trie.has(names, below: $0) ? $0 : nil } }
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
  mutating func finish(_ frame: NameFrame, _ object: ObjectFrame, _ parent: State) -> State {
    let trie = requirement(object.requirement, of: .object).table.trie
    let name: Name
    if let known = frame.node.flatMap({ trie.name(at: $0, nameSets[frame.names]) }) {
      guard known.isOfSet else { return Self.dead }
      name = .known(known.number)
    } else if compiler.automaton.isAccepting(frame.others) {
      name = .other(
        frame.patterns.map { compiler.automaton.isAccepting($0) }, frame.characters.map { JSONName(bytes: $0.bytes) })
    } else {
      return Self.dead
    }
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
    var known: [WantedTruth: Expression] = [:]
    return language(of: formula, isTrue: isTrue, frame, &known)
  }

  private mutating func language(
    of formula: Formula, isTrue: Bool, _ frame: ObjectFrame, _ known: inout [WantedTruth: Expression]
  ) -> Expression {
    guard compiler.pool.isLarge(formula) else { return computedLanguage(of: formula, isTrue: isTrue, frame, &known) }
    let wanted = WantedTruth(formula: formula, isTrue: isTrue)
    if let result = known[wanted] { return result }
    let result = computedLanguage(of: formula, isTrue: isTrue, frame, &known)
    known[wanted] = result
    return result
  }

  private mutating func computedLanguage(
    of formula: Formula, isTrue: Bool, _ frame: ObjectFrame, _ known: inout [WantedTruth: Expression]
  ) -> Expression {
    switch compiler.pool[formula] {
    case .constant(let value): return value == isTrue ? .everything : .nothing
    case .not(let inner): return language(of: inner, isTrue: !isTrue, frame, &known)
    case .all(let parts):
      let each = parts.map { language(of: $0, isTrue: isTrue, frame, &known) }
      return isTrue ? compiler.automaton.pool.intersection(each) : compiler.automaton.pool.union(each)
    case .any(let parts):
      let each = parts.map { language(of: $0, isTrue: isTrue, frame, &known) }
      return isTrue ? compiler.automaton.pool.union(each) : compiler.automaton.pool.intersection(each)
    case .exactlyOne(let parts):
      return isTrue
        ? compiler.automaton.pool.union(parts.map { language(of: $0, isTrue: true, frame, &known) }) : .everything
    case .leaf(.members(let rule)) where isTrue && !frame.broken.contains(rule):
      let rule = compiler.memberRules[rule]
      var denied: [Expression] = []
      for pattern in rule.patterns where !isPossible(schema: pattern.schema) { denied.append(pattern.names) }
      let isDenied = compiler.automaton.pool.union(denied)
      let allowed = compiler.automaton.pool.complement(isDenied)
      if isPossible(schema: rule.others) { return allowed }
      let given = compiler.automaton.pool.union(rule.patterns.map(\.names))
      return compiler.automaton.pool.intersection([allowed, given])
    case .leaf(.memberNames(let names)) where isTrue && !frame.brokenNames.contains(names):
      return names
    case .leaf:
      let truth = truth(of: formula, in: frame, isEnd: false)
      return truth == (isTrue ? .no : .yes) ? .nothing : .everything
    }
  }
}
