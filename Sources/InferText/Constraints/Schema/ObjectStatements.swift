import OrderedCollections

/// The statements about an object, and how the truth of each least one shows in a frame.
final class ObjectStatements {
  /// How a least statement shows.
  private enum Test {
    /// The name of this index is there.
    case member(Int)
    case memberCount(ClosedRange<Int>)
    case memberNames(Expression)
    /// The rule of this number holds. No member can break it once all the known names that it is about were there or come no
    /// more; `nil` where it is about others too.
    case members(Int, names: [Names]?)
    case constant(Truth)
  }

  /// Some of the known names: bits of one word of ``ObjectFrame/seen``.
  private struct Names {
    let word: Int
    var bits: UInt64
  }

  /// The goal, and behind it the outcomes.
  let table: FormulaTable
  private let tests: [Test]
  /// The languages that names are held against, with their places among the patterns of the table of names.
  let nameLanguages: [(language: Expression, place: Int?)]
  /// The place of the leaf of each rule.
  let rulePlaces: [Int: Int]

  init(_ requirement: KindRequirement, _ compiler: SchemaCompiler) {
    table = FormulaTable([requirement.goal] + requirement.outcomes, in: compiler.pool)
    var (languages, places) = ([(language: Expression, place: Int?)](), [Int: Int]())
    tests = table.leaves.enumerated().map { place, leaf in
      switch leaf {
      case .member(let name): return requirement.table.indices[name].map(Test.member) ?? .constant(.no)
      case .memberCount(let range): return .memberCount(range)
      case .memberNames(let language):
        languages.append((language, requirement.patterns.firstIndex(of: language)))
        return .memberNames(language)
      case .members(let rule):
        places[rule] = place
        return .members(rule, names: Self.names(of: compiler.memberRules[rule], requirement.table))
      default: return .constant(.yes)
      }
    }
    (nameLanguages, rulePlaces) = (languages, places)
  }

  /// The known names that a rule is about; `nil` where it is about others too.
  private static func names(of rule: MemberRule, _ table: NameTable) -> [Names]? {
    guard rule.others == SchemaCompiler.anything,
      rule.patterns.allSatisfy({ $0.schema == SchemaCompiler.anything })
    else { return nil }
    var words: [Int: UInt64] = [:]
    for (name, schema) in rule.named where schema != SchemaCompiler.anything {
      guard let index = table.indices[name] else { return nil }
      words[index >> 6, default: 0] |= 1 << UInt64(index & 63)
    }
    return words.sorted { $0.key < $1.key }.map(Names.init)
  }

  /// The truths of the least statements in a frame.
  ///
  /// - Parameter isEnd: `true` where no member follows.
  func truths(in frame: ObjectFrame, isEnd: Bool) -> [Truth] {
    tests.map { test in
      switch test {
      case .member(let index):
        if frame.hasSeen(index) { return .yes }
        return isEnd || frame.isPassed(index) ? .no : .unknown
      case .memberCount(let range):
        if isEnd { return Truth(range.contains(frame.count)) }
        if frame.count > range.upperBound { return .no }
        return frame.count >= range.lowerBound && range.upperBound == .max ? .yes : .unknown
      case .memberNames(let language): return frame.brokenNames.contains(language) ? .no : isEnd ? .yes : .unknown
      case .members(let rule, let names):
        if frame.broken.contains(rule) { return .no }
        if isEnd { return .yes }
        guard let names else { return .unknown }
        let isSettled = names.allSatisfy { $0.bits & ~(frame.seen[$0.word] | frame.passedNames($0.word)) == 0 }
        return isSettled ? .yes : .unknown
      case .constant(let truth): return truth
      }
    }
  }

  /// The truth of the goal, from those of the least statements.
  func goal(_ truths: [Truth]) -> Truth { table.truths(truths)[table.roots[0]] }
}

extension JSONMachine {
  /// The statements of a requirement for objects.
  func statements(of requirement: KindRequirement) -> ObjectStatements {
    if let known = requirement.statements { return known }
    let statements = ObjectStatements(requirement, compiler)
    requirement.statements = statements
    return statements
  }
}
