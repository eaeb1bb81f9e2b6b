// The truth of formulas, from that of their leaves, and what is still possible for them.
extension FormulaPool {
  /// The number of formulas of which it is followed that only one may be true.
  static let maxExclusive = 16

  /// The truth of a formula, from what is known of its leaves.
  ///
  /// - Complexity: O(parts), each looked at once, though it is in several others.
  func truth(of formula: Formula, _ truth: (SchemaLeaf) -> Truth) -> Truth {
    var known: [Formula: Truth] = [:]
    return self.truth(of: formula, &known, truth)
  }

  private func truth(
    of formula: Formula, _ known: inout [Formula: Truth], _ truth: (SchemaLeaf) -> Truth
  ) -> Truth {
    guard isLarge(formula) else { return computedTruth(of: formula, &known, truth) }
    if let result = known[formula] { return result }
    let result = computedTruth(of: formula, &known, truth)
    known[formula] = result
    return result
  }

  private func computedTruth(
    of formula: Formula, _ known: inout [Formula: Truth], _ truth: (SchemaLeaf) -> Truth
  ) -> Truth {
    switch self[formula] {
    case .constant(let value): return Truth(value)
    case .leaf(let leaf): return truth(leaf)
    case .not(let inner): return !self.truth(of: inner, &known, truth)
    case .all(let parts):
      var result = Truth.yes
      for part in parts {
        switch self.truth(of: part, &known, truth) {
        case .no: return .no
        case .unknown: result = .unknown
        case .yes: break
        }
      }
      return result
    case .any(let parts):
      var result = Truth.no
      for part in parts {
        switch self.truth(of: part, &known, truth) {
        case .yes: return .yes
        case .unknown: result = .unknown
        case .no: break
        }
      }
      return result
    case .exactlyOne(let parts):
      var (certain, possible) = (0, 0)
      for part in parts {
        switch self.truth(of: part, &known, truth) {
        case .yes: certain += 1
        case .unknown: possible += 1
        case .no: break
        }
        if certain > 1 { return .no }
      }
      if certain + possible == 0 { return .no }
      return certain == 1 && possible == 0 ? .yes : .unknown
    }
  }

  /// A formula that is true wherever the given one may still become so (or, with `isTrue` of `false`, become false), of what
  /// is possible for its leaves. Of exactly one of many it takes that any of them becomes true.
  ///
  /// - Complexity: O(parts), as ``truth(of:_:)``.
  mutating func possibility(
    of formula: Formula, isTrue: Bool = true, _ possibility: (SchemaLeaf, Bool) -> Formula
  ) -> Formula {
    var known: [WantedTruth: Formula] = [:]
    return self.possibility(of: WantedTruth(formula: formula, isTrue: isTrue), &known, possibility)
  }

  private mutating func possibility(
    of wanted: WantedTruth, _ known: inout [WantedTruth: Formula], _ possibility: (SchemaLeaf, Bool) -> Formula
  ) -> Formula {
    guard isLarge(wanted.formula) else { return computedPossibility(of: wanted, &known, possibility) }
    if let result = known[wanted] { return result }
    let result = computedPossibility(of: wanted, &known, possibility)
    known[wanted] = result
    return result
  }

  private mutating func computedPossibility(
    of wanted: WantedTruth, _ known: inout [WantedTruth: Formula], _ possibility: (SchemaLeaf, Bool) -> Formula
  ) -> Formula {
    let isTrue = wanted.isTrue
    func each(_ parts: [Formula], isTrue: Bool) -> [Formula] {
      parts.map { self.possibility(of: WantedTruth(formula: $0, isTrue: isTrue), &known, possibility) }
    }
    switch self[wanted.formula] {
    case .constant(let value): return value == isTrue ? .always : .never
    case .leaf(let leaf): return possibility(leaf, isTrue)
    case .not(let inner):
      return self.possibility(of: WantedTruth(formula: inner, isTrue: !isTrue), &known, possibility)
    case .all(let parts):
      let each = each(parts, isTrue: isTrue)
      return isTrue ? all(each) : any(each)
    case .any(let parts):
      let each = each(parts, isTrue: isTrue)
      return isTrue ? any(each) : all(each)
    case .exactlyOne(let parts):
      guard isTrue else { return .always }
      let possible = each(parts, isTrue: true)
      return possibilityOfOne(possible, denied: parts.count <= Self.maxExclusive ? each(parts, isTrue: false) : nil)
    }
  }

  /// A formula that is true wherever exactly one of some may become so, of those that are true where one may, and those that
  /// are true where one may become false; `nil` where these are too many.
  mutating func possibilityOfOne(_ possible: [Formula], denied: [Formula]?) -> Formula {
    guard let denied else { return any(possible) }
    return any(
      possible.indices.map { one in all([possible[one]] + denied.indices.filter { $0 != one }.map { denied[$0] }) })
  }

  /// Calls `body` with every leaf of a formula, some of them more than once.
  func forEachLeaf(of formula: Formula, _ body: (SchemaLeaf) -> Void) {
    var seen: Set<Formula> = []
    var stack = [formula]
    while let next = stack.popLast() {
      guard seen.insert(next).inserted else { continue }
      switch self[next] {
      case .constant: break
      case .leaf(let leaf): body(leaf)
      case .not(let inner): stack.append(inner)
      case .all(let parts), .any(let parts), .exactlyOne(let parts): stack.append(contentsOf: parts.reversed())
      }
    }
  }
}
