/// Statements built of ``SchemaLeaf`` by and, or, not and exactly one, each of them stored once.
struct FormulaPool {
  enum Node: Hashable {
    case constant(Bool)
    case leaf(SchemaLeaf)
    case all([Formula])
    case any([Formula])
    case not(Formula)
    case exactlyOne([Formula])
  }

  var work = WorkMeter()
  private var nodes = InternTable<Node>()
  /// The number of statements in each formula, counting one that is in several parts as often, up to a limit.
  private var sizes: [Int32] = []
  private var restricted: [Restriction: Formula] = [:]

  private struct Restriction: Hashable {
    let formula: Formula
    let kind: JSONKinds
  }

  init() { for value in [false, true] { _ = make(.constant(value)) } }

  subscript(formula: Formula) -> Node { nodes[Int(formula.index)] }

  /// The number of formulas.
  var count: Int { nodes.count }

  private mutating func make(_ node: Node) -> Formula {
    let (isNew, index) = nodes.insert(node)
    if isNew { sizes.append(size(of: node)) }
    return Formula(index: Int32(index))
  }

  private static let maxSize: Int32 = 1 << 20

  private func size(of node: Node) -> Int32 {
    switch node {
    case .constant, .leaf: return 1
    case .not(let inner): return sizes[Int(inner.index)]
    case .all(let parts), .any(let parts), .exactlyOne(let parts):
      return parts.reduce(1) { min(Self.maxSize, $0 + sizes[Int($1.index)]) }
    }
  }

  /// The number of statements in a formula, up to a limit.
  func size(of formula: Formula) -> Int { Int(sizes[Int(formula.index)]) }

  /// `true` for a formula whose parts are best looked at once each, since the same ones may be in many others.
  func isLarge(_ formula: Formula) -> Bool { sizes[Int(formula.index)] > 256 }

  mutating func leaf(_ leaf: SchemaLeaf) -> Formula {
    switch leaf {
    case .kinds(.all): .always
    case .kinds([]): .never
    case .memberCount(0...Int.max), .elementCount(0...Int.max), .string(.everything), .memberNames(.everything): .always
    default: make(.leaf(leaf))
    }
  }

  mutating func not(_ formula: Formula) -> Formula {
    switch self[formula] {
    case .constant(let value): value ? .never : .always
    case .not(let inner): inner
    default: make(.not(formula))
    }
  }

  mutating func all(_ formulas: [Formula]) -> Formula {
    work.take(formulas.count * WorkMeter.formula)
    if formulas.contains(.never) { return .never }
    if let only = Self.only(of: formulas, without: .always) { return only }
    var parts: [Formula] = []
    var seen = Set<Formula>()
    var numbers: NumberRule?
    var (members, elements) = (0...Int.max, 0...Int.max)
    var isContradiction = (members: false, elements: false)
    func meet(_ range: inout ClosedRange<Int>, _ other: ClosedRange<Int>) -> Bool {
      let (low, high) = (max(range.lowerBound, other.lowerBound), min(range.upperBound, other.upperBound))
      guard low <= high else { return false }
      range = low...high
      return true
    }
    func add(_ formula: Formula) {
      switch self[formula] {
      case .constant(true): break
      case .all(let more): more.forEach(add)
      case .leaf(.number(let rule)): numbers = numbers.map { $0.intersection(rule) } ?? rule
      case .leaf(.memberCount(let range)): if !meet(&members, range) { isContradiction.members = true }
      case .leaf(.elementCount(let range)): if !meet(&elements, range) { isContradiction.elements = true }
      default: if seen.insert(formula).inserted { parts.append(formula) }
      }
    }
    formulas.forEach(add)
    work.take(parts.count * WorkMeter.formula)
    if let numbers { parts.append(leaf(.number(numbers))) }
    // Numbers of members or elements that contradict each other leave the other kinds.
    for (range, isNone, kind) in [
      (leaf(.memberCount(members)), isContradiction.members, JSONKinds.object),
      (leaf(.elementCount(elements)), isContradiction.elements, JSONKinds.array),
    ] {
      let part = isNone ? leaf(.kinds(JSONKinds.all.subtracting(kind))) : range
      if part != .always, seen.insert(part).inserted { parts.append(part) }
    }
    if parts.contains(.never) || parts.contains(where: { seen.contains(not($0)) }) { return .never }
    return parts.count > 1 ? make(.all(parts)) : parts.first ?? .always
  }

  /// The one of some formulas that is another one than a constant, and that constant where there is none; `nil` where there
  /// are several.
  private static func only(of formulas: [Formula], without constant: Formula) -> Formula? {
    var only = constant
    for formula in formulas where formula != constant && formula != only {
      guard only == constant else { return nil }
      only = formula
    }
    return only
  }

  mutating func any(_ formulas: [Formula]) -> Formula {
    work.take(formulas.count * WorkMeter.formula)
    if formulas.contains(.always) { return .always }
    if let only = Self.only(of: formulas, without: .never) { return only }
    var parts: [Formula] = []
    var seen = Set<Formula>()
    func add(_ formula: Formula) {
      switch self[formula] {
      case .constant(false): break
      case .any(let more): more.forEach(add)
      default: if seen.insert(formula).inserted { parts.append(formula) }
      }
    }
    formulas.forEach(add)
    work.take(parts.count * WorkMeter.formula)
    if parts.contains(.always) || parts.contains(where: { seen.contains(not($0)) }) { return .always }
    return parts.count > 1 ? make(.any(parts)) : parts.first ?? .never
  }

  mutating func exactlyOne(_ formulas: [Formula]) -> Formula {
    work.take(formulas.count * WorkMeter.formula)
    let possible = formulas.filter { $0 != .never }
    // A formula that is there twice cannot be the one.
    let repeated = Dictionary(grouping: possible, by: \.self).filter { $0.key != .always && $0.value.count > 1 }
    if !repeated.isEmpty {
      let others = possible.filter { repeated[$0] == nil }
      let denied = repeated.keys.sorted { $0.index < $1.index }.map { not($0) }
      return all([exactlyOne(others)] + denied)
    }
    let certain = possible.filter { $0 == .always }
    if certain.count > 1 { return .never }
    let others = possible.filter { $0 != .always }
    if certain.count == 1 { return not(any(others)) }
    return others.count > 1 ? make(.exactlyOne(others)) : others.first ?? .never
  }

  /// The formula that results when each leaf is replaced.
  mutating func replacing(_ formula: Formula, _ replacement: (SchemaLeaf) -> Formula?) -> Formula {
    var known: [Formula: Formula] = [:]
    return replacing(formula, &known, replacement)
  }

  private mutating func replacing(
    _ formula: Formula, _ known: inout [Formula: Formula], _ replacement: (SchemaLeaf) -> Formula?
  ) -> Formula {
    if let result = known[formula] { return result }
    let result: Formula
    switch self[formula] {
    case .constant: result = formula
    case .leaf(let leaf): result = replacement(leaf) ?? formula
    case .not(let inner): result = not(replacing(inner, &known, replacement))
    case .all(let parts):
      let replaced = parts.map { replacing($0, &known, replacement) }
      result = replaced == parts ? formula : all(replaced)
    case .any(let parts):
      let replaced = parts.map { replacing($0, &known, replacement) }
      result = replaced == parts ? formula : any(replaced)
    case .exactlyOne(let parts):
      let replaced = parts.map { replacing($0, &known, replacement) }
      result = replaced == parts ? formula : exactlyOne(replaced)
    }
    known[formula] = result
    return result
  }

  /// The formula for values of one kind: statements about others' are true, and kinds are known.
  ///
  /// - Complexity: O(parts) for those that were not asked for, each looked at once.
  mutating func restricted(_ formula: Formula, to kind: JSONKinds) -> Formula {
    let key = Restriction(formula: formula, kind: kind)
    if let known = restricted[key] { return known }
    let result: Formula
    switch self[formula] {
    case .constant: result = formula
    case .leaf(.kinds(let kinds)): result = kinds.contains(kind) ? .always : .never
    case .leaf(let leaf): result = leaf.kinds.contains(kind) ? formula : .always
    case .not(let inner): result = complement(of: restricted(inner, to: kind))
    case .all(let parts): result = all(parts.map { restricted($0, to: kind) })
    case .any(let parts): result = any(parts.map { restricted($0, to: kind) })
    case .exactlyOne(let parts): result = exactlyOne(parts.map { restricted($0, to: kind) })
    }
    restricted[key] = result
    return result
  }

  /// The denial of a formula that is restricted to one kind: of a set of numbers, sets of numbers again, which others may
  /// meet.
  private mutating func complement(of formula: Formula) -> Formula {
    guard case .leaf(.number(let rule)) = self[formula], let rest = rule.complement else { return not(formula) }
    return any(rest.map { leaf(.number($0)) })
  }
}
