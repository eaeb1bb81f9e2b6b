/// The schemas that one value is held against, and which outcomes are wanted.
struct Requirement: Hashable {
  var schemas: [Int]
  /// A formula over ``SchemaLeaf/outcome(_:)``.
  var goal: Formula
  /// `true` when the value must be told at its end.
  var isTold = false
}

/// A requirement for values of one kind, and what of it was found out on the way.
final class KindRequirement {
  /// The statement that must be true of the value, and those that its outcomes are.
  let goal: Formula
  let outcomes: [Formula]
  /// Rules and schemas that the statements are about, each of them once.
  let memberRules: [Int]
  let elementRules: [Int]
  let contains: [SchemaLeaf]
  let isUnique: Bool
  /// `true` where the number of members or elements matters.
  let isCounted: Bool
  /// How many members or elements there may be, if a conjunction says so.
  let counts: ClosedRange<Int>
  /// `true` where all that is asked of a number is that it is whole.
  let isInteger: Bool
  /// The names of members that a statement knows.
  let table: NameTable
  /// `true` where the statement is a conjunction that says no more than which members or elements there must be and what they
  /// are: what may be the value of a name does not depend on what stands before it then.
  let isConjunction: Bool
  /// The known names that a conjunction says must be there: bit `i % 64` of word `i / 64` is that of index `i`.
  let required: [UInt64]

  /// The requirements of members by name, of a conjunction.
  var knownMembers: [Int: Member] = [:]
  var otherMembers: [[Bool]: Member] = [:]
  /// The language of the names that no statement knows, of a conjunction.
  var otherNames: Expression?
  /// The known names that may be there, of a conjunction whose members are counted.
  var possible: [UInt64]?
  /// `false` when there is no such value, once that was asked.
  var isPossible: Bool?
  /// The maximum number of elements, of a conjunction.
  var elementLimit: Int?
  /// For each of ``contains``, of a conjunction, the numbers of first elements that may be as it says: see
  /// ``JSONMachine/room(for:in:of:)``.
  var containable: [Int: [Int]] = [:]
  /// The known names that must or may not be there, and the number of members from which on more of them are alike.
  var weight: Weight?
  /// The indices of the known names that ``goal`` tells from others.
  var toldNames: [Int]?
  /// ``goal`` and ``outcomes`` as statements about an object.
  var statements: ObjectStatements?

  /// The names and the number of members up to which a statement about an object tells objects apart.
  struct Weight {
    var names: [UInt64]
    /// Those that may come anywhere, once, and of which it does not matter otherwise that they were there.
    var free: [UInt64]
    var count: Int
  }

  /// The requirement for a member's value, and the rules that it is held against.
  struct Member {
    /// `nil` when nothing may be.
    var requirement: Int?
    var held: [ObjectFrame.Held] = []
  }

  init(
    goal: Formula, outcomes: [Formula], memberRules: [Int], elementRules: [Int], contains: [SchemaLeaf], isUnique: Bool,
    isCounted: Bool, counts: ClosedRange<Int>, isInteger: Bool, table: NameTable, required: Set<JSONName>?
  ) {
    (self.goal, self.outcomes) = (goal, outcomes)
    (self.memberRules, self.elementRules, self.contains) = (memberRules, elementRules, contains)
    (self.isUnique, self.isCounted, self.table) = (isUnique, isCounted, table)
    (self.counts, self.isInteger) = (counts, isInteger)
    isConjunction = required != nil
    var bits = [UInt64](repeating: 0, count: (table.names.count + 63) / 64)
    for (index, name) in table.names.enumerated() where required?.contains(name) ?? false {
      bits[index >> 6] |= 1 << UInt64(index & 63)
    }
    self.required = bits
  }

  var names: [JSONName] { table.names }
  var orderedCount: Int { table.orderedCount }
  var patterns: [Expression] { table.patterns }

  /// An object without members, of a requirement of this number.
  func emptyObject(_ number: Int) -> ObjectFrame {
    let none = required.map { _ in UInt64(0) }
    return ObjectFrame(requirement: number, seen: none, passed: table.before == nil ? [] : none)
  }

  /// `true` for a known name that a conjunction says must be there.
  func isRequired(_ index: Int) -> Bool { required[index >> 6] >> UInt64(index & 63) & 1 == 1 }
}

/// The names of members that statements about an object know, and the languages of names that they are about.
final class NameTable {
  /// Those that come in order first, then those that come anywhere.
  let names: [JSONName]
  /// The number of those that come in order: the ones that have schemas of their own, in one order.
  let orderedCount: Int
  let indices: [JSONName: Int]
  /// The names that come before each of those that come in order: see ``NameOrder/before``. Names that come anywhere have
  /// none; there are as many words as all names take.
  let before: [[UInt64]]?
  let trie: NameTrie
  let patterns: [Expression]

  /// The matches of known names with ``patterns``, by the names' indices.
  var matches: [Int: [Bool]] = [:]
  /// The language of the known names.
  var language: Expression?
  /// The names that no statement knows, told apart by which of ``patterns`` they are in.
  var otherClasses: [Class]?

  struct Class {
    var matches: [Bool]
    var names: Expression
  }

  init(_ names: [JSONName], _ order: NameOrder, patterns: [Expression]) {
    (self.names, orderedCount, self.patterns) = (names, order.ordered.count, patterns)
    let words = (names.count + 63) / 64
    before = order.before.map { before in
      names.indices.map { index in
        let own = index < before.count ? before[index] : []
        return own + [UInt64](repeating: 0, count: words - own.count)
      }
    }
    indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    trie = NameTrie(names)
  }
}
