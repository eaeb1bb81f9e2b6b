/// A state of a ``JSONMachine``: what stands before it matters only as far as the frame and those around it say.
enum JSONFrame: Hashable {
  /// The text is none.
  case dead
  /// Nothing may follow but white space, of which so much was seen.
  case end(spaces: UInt8 = 0)
  /// Before a value.
  case value(requirement: Int, parent: Int32)
  /// In `true`, `false` or `null`, so many bytes of which were seen.
  case word(kind: Word, seen: UInt8, outcomes: Outcomes, parent: Int32)
  case string(StringFrame, parent: Int32)
  case name(NameFrame, parent: Int32)
  case number(NumberFrame, parent: Int32)
  case array(ArrayFrame, parent: Int32)
  case object(ObjectFrame, parent: Int32)

  enum Word: UInt8 {
    case null
    case no
    case yes

    var bytes: StaticString {
      switch self {
      case .null: "null"
      case .no: "false"
      case .yes: "true"
      }
    }
  }
}

/// Which of the schemas that a value was held against it is valid against, in the order of its requirement.
struct Outcomes: Hashable {
  var bits: [Bool]
}

/// A value; equal ones are equal in the sense of JSON Schema.
indirect enum ToldValue: Hashable {
  case null
  case boolean(Bool)
  case number(ExactDecimal)
  case string([UInt8])
  case array([ToldValue])
  case object([JSONName: ToldValue])
}

/// In a string.
struct StringFrame: Hashable {
  /// The language that the string must be in, and those that its outcomes are about.
  var languages: [Expression]
  var escape = JSONEscape.none
  /// The characters so far, where they matter afterwards.
  var characters: ToldText?
}

/// In a member's name.
struct NameFrame: Hashable {
  /// The node of the trie of known names; `nil` where none begins so, or none that may come and there are no others.
  var node: Int32?
  /// The known names that may come, as the number of a set.
  let names: Int
  /// The language of the rest of other names.
  var others: Expression
  /// The rests of the languages that other names are held against.
  var patterns: [Expression]
  var escape = JSONEscape.none
  /// The characters so far, where equal names matter.
  var characters: ToldText?
}

struct NumberFrame: Hashable {
  enum Place: UInt8 {
    case sign
    case zero
    case digits
    case point
    case fraction
    case exponent
    case exponentSign
    case exponentDigits
  }

  var place: Place
  /// The statements about the number, and those that its outcomes are.
  var goal: Formula
  var outcomes: [Formula]
  /// `true` where all that is asked is that it is a whole number.
  let isInteger: Bool
  /// The text so far; `nil` where nobody looks at it. Of a whole number of which no more is asked, two digits stand for more.
  var text: [UInt8]?
  /// `true` where the digits before the point stand for others: see ``NumberReach/representative(of:)``.
  var isAbridged = false
  /// The number of characters so far, and that of digits before the point.
  var digits: UInt16
  var integerDigits: UInt16 = 0
  /// The exponent so far, which is positive or zero, with how many digits, and `true` where it is subtracted.
  var exponent: UInt16 = 0
  var exponentDigits: UInt8 = 0
  var isExponentNegative = false
}

struct ArrayFrame: Hashable {
  enum Place: UInt8 {
    case opened
    case element
    case behindElement
  }

  let requirement: Int
  var place = Place.opened
  var count = 0
  /// Rules that an element broke.
  var broken: [Int] = []
  /// The numbers of elements that the schemas in question hold of, in the order of the requirement.
  var contained: [Int] = []
  /// The elements so far where they must differ, and whether two were equal.
  var elements: Set<ToldValue> = []
  var hasEqual = false
  /// All of them in order, where the array itself must be told.
  var values: [ToldValue]?
  /// Where in the requirement of the element under way the schemas of each rule and count are.
  var held: [ObjectFrame.Held] = []
  var counted: [Int] = []
}

struct ObjectFrame: Hashable {
  enum Place: UInt8 {
    case opened
    case comma
    case name
    case behindName
    case value
    case behindValue
  }

  var requirement: Int
  var place = Place.opened
  /// The known names that were there, by their indices in the requirement.
  var seen: [UInt64]
  /// The members so far, where the object must be told, and the name of the one under way.
  var members: [JSONName: ToldValue]?
  var name: JSONName?
  /// The index up to which the known names that were not there come no more: that of the last of those that come in order,
  /// in a search of all that are known; -1 at first.
  var last = -1
  /// The known names that come no more since one that belongs behind them was there, as ``seen``; empty where one order of
  /// all of them makes ``last`` say so.
  var passed: [UInt64] = []
  var count = 0
  /// Other names that were there.
  var others: Set<JSONName> = []
  /// Rules that a member broke, and languages that a name is not in.
  var broken: [Int] = []
  var brokenNames: [Expression] = []
  /// The requirement of the member under way.
  var pending = -1
  /// Where in the requirement of the member under way the schemas of each rule are.
  var held: [Held] = []

  struct Held: Hashable {
    let rule: Int
    let outcomes: [Int]
  }

  /// The frame behind a member's value with some outcomes.
  func behindMember(_ outcomes: Outcomes) -> ObjectFrame {
    var frame = self
    for held in frame.held where held.outcomes.contains(where: { !outcomes.bits[$0] }) {
      frame.broken.append(held.rule)
    }
    frame.broken.sort()
    frame.held = []
    frame.place = .behindValue
    return frame
  }

  /// The frame without the values that members had and the names that no statement knows, which no other member depends on.
  var withoutTold: ObjectFrame {
    var frame = self
    (frame.members, frame.name, frame.others, frame.place) = (members.map { _ in [:] }, nil, [], .comma)
    return frame
  }

  /// `true` for a known name that comes no more, if it was not there.
  func isPassed(_ name: Int) -> Bool { name <= last || passedNames(name >> 6) >> UInt64(name & 63) & 1 == 1 }

  /// The known names that come no more if they were not there: a word of them, as of ``seen``.
  func passedNames(_ word: Int) -> UInt64 {
    let count = last + 1 - word * 64
    let ordered = count >= 64 ? UInt64.max : count > 0 ? 1 << UInt64(count) - 1 : 0
    return passed.isEmpty ? ordered : ordered | passed[word]
  }

  /// Passes over all known names that come before one.
  mutating func pass(before name: Int, _ table: NameTable) {
    if let before = table.before {
      for word in passed.indices { passed[word] |= before[name][word] }
    } else {
      last = max(last, name - 1)
    }
  }

  func hasSeen(_ name: Int) -> Bool { seen[name >> 6] >> UInt64(name & 63) & 1 == 1 }
}
