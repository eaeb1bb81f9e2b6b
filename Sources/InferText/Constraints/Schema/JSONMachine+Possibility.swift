/// Requirements that some value meets, and that none does, as far as that is known.
struct Possibilities {
  fileprivate var known: [Int: Bool] = [:]
  /// Requirements that are looked at, within each other and altogether.
  fileprivate var underWay: Set<Int> = []
  fileprivate var seen: Set<Int> = []
}

extension JSONMachine {
  /// Requirements in each other that are looked at; what is deeper is taken to be possible.
  private static let maxDepth = 200

  /// `false` when no value meets a requirement, as far as that shows: where statements are alternatives, what is in arrays is
  /// not looked at, and what is in objects within the bounds of ``isCompletable(_:)``.
  ///
  /// A value that must have itself within has no end. So what is possible grows from what is without, in rounds, until a
  /// round finds nothing new.
  mutating func isPossible(_ number: Int) -> Bool {
    if let known = possibilities.known[number] { return known }
    guard possibilities.underWay.isEmpty else { return search(number) }
    var count = -1
    while possibilities.known[number] == nil, possibilities.known.count != count {
      count = possibilities.known.count
      possibilities.seen = []
      completions.failed = []
      _ = search(number)
    }
    for number in possibilities.seen where possibilities.known[number] == nil { possibilities.known[number] = false }
    return possibilities.known[number] ?? false
  }

  private mutating func search(_ number: Int) -> Bool {
    if let known = possibilities.known[number] { return known }
    guard possibilities.underWay.count < Self.maxDepth else { return true }
    guard possibilities.underWay.insert(number).inserted else { return false }
    defer { possibilities.underWay.remove(number) }
    // Once a round is enough.
    guard possibilities.seen.insert(number).inserted else { return false }
    guard JSONKinds.each.contains(where: { isPossible(number, $0) }) else { return false }
    possibilities.known[number] = true
    return true
  }

  /// `true` while what is told to be impossible may still turn out to be possible.
  var isSearching: Bool { !possibilities.underWay.isEmpty }

  mutating func isPossible(schema: Int) -> Bool {
    if schema == SchemaCompiler.anything { return true }
    if schema == SchemaCompiler.nothing { return false }
    let goal = compiler.pool.leaf(.outcome(0))
    return isPossible(number(of: Requirement(schemas: [schema], goal: goal)))
  }

  /// `false` when no value of a kind meets a requirement, as far as that shows.
  mutating func admits(_ number: Int, _ kind: JSONKinds) -> Bool {
    let requirement = requirement(number, of: kind)
    if let known = requirement.isPossible { return known }
    let result = isPossible(number, kind)
    requirement.isPossible = result
    return result
  }

  private mutating func isPossible(_ number: Int, _ kind: JSONKinds) -> Bool {
    let requirement = requirement(number, of: kind)
    if kind == .string {
      let language = language(requirement.goal)
      return !compiler.automaton.pool.isEmpty(language)
    }
    guard truth(ofSome: kind, requirement.goal) != .no else { return false }
    switch kind {
    case .boolean: return [.no, .yes].contains { isTrue(requirement.goal, of: $0) }
    case .number:
      if case .leaf = compiler.pool[requirement.goal] { return true }
      return "-0123456789".utf8.contains { numberFrame(number, $0) != nil }
    case .object where !requirement.isConjunction:
      let frame = requirement.emptyObject(number)
      return searching { $0.isCompletable(frame) }
    case .array where !requirement.isConjunction: return true
    case .array:
      let prefix = firstElements(of: requirement)
      let needed = max(requirement.counts.lowerBound, requirement.neededElements)
      guard needed <= requirement.counts.upperBound else { return false }
      if needed > 1, let few = fewElements(of: requirement), few.count < needed { return false }
      for index in 0..<min(needed, prefix + 1) {
        var frame = ArrayFrame(requirement: number, contained: requirement.contains.map { _ in 0 })
        frame.count = index
        guard element(of: frame, upTo: nil) != nil else { return false }
      }
      guard requirement.neededElements > 0 else { return true }
      let limit = elementLimit(of: requirement, number: number)
      for (place, leaf) in requirement.contains.enumerated() {
        guard case .contains(_, let range) = leaf else { continue }
        guard room(for: place, in: 0..<limit, of: requirement) >= range.lowerBound else { return false }
      }
      return true
    case .object:
      let frame = requirement.emptyObject(number)
      var (needed, possible) = (0, 0)
      for index in requirement.names.indices {
        let isRequired = requirement.isRequired(index)
        let isMember = member(.known(index), behind: frame).requirement != nil
        guard isMember || !isRequired, !isFull else { return false }
        needed += isRequired ? 1 : 0
        possible += isMember ? 1 : 0
      }
      guard needed <= requirement.counts.upperBound else { return false }
      return possible >= requirement.counts.lowerBound || otherNames(behind: frame, requirement) != .nothing
    default: return true
    }
  }

  /// The truth of a formula before anything is known of the value but its kind.
  func truth(ofSome kind: JSONKinds, _ formula: Formula) -> Truth {
    compiler.pool.truth(of: formula) { leaf in
      switch leaf {
      case .number(let rule): rule.isEmpty ? .no : .unknown
      default: .unknown
      }
    }
  }
}

extension KindRequirement {
  /// The number of elements that there must be for those that the array must contain.
  var neededElements: Int {
    contains.reduce(0) { count, leaf in
      if case .contains(_, let range) = leaf { max(count, range.lowerBound) } else { count }
    }
  }
}
