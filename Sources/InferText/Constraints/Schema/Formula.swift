/// A statement about a JSON value in a ``FormulaPool``: two with the same number say the same.
struct Formula: Hashable, Sendable {
  let index: Int32

  static let never = Formula(index: 0)
  static let always = Formula(index: 1)
}

/// A formula that is to become true, or false.
struct WantedTruth: Hashable {
  let formula: Formula
  let isTrue: Bool
}

/// The kinds of JSON values.
struct JSONKinds: OptionSet, Hashable, Sendable {
  let rawValue: UInt8
  static let null = JSONKinds(rawValue: 1)
  static let boolean = JSONKinds(rawValue: 2)
  static let number = JSONKinds(rawValue: 4)
  static let string = JSONKinds(rawValue: 8)
  static let array = JSONKinds(rawValue: 16)
  static let object = JSONKinds(rawValue: 32)
  static let all = JSONKinds(rawValue: 63)

  /// The kinds, one by one.
  static let each: [JSONKinds] = [.null, .boolean, .number, .string, .array, .object]
}

/// The least statements about a value. All but ``kinds(_:)`` are true of values of other kinds than they are about.
enum SchemaLeaf: Hashable, Sendable {
  case kinds(JSONKinds)
  case boolean(Bool)
  /// The string's characters, in UTF-8, are in the language.
  case string(Expression)
  case number(NumberRule)
  /// The object has a member of the name.
  case member(JSONName)
  case memberCount(ClosedRange<Int>)
  /// The object's names are in the language.
  case memberNames(Expression)
  /// The members' values are as the rule of this number says.
  case members(Int)
  case elementCount(ClosedRange<Int>)
  /// The elements are as the rule of this number says.
  case elements(Int)
  /// So many elements are as the schema of this number says.
  case contains(Int, ClosedRange<Int>)
  case uniqueElements
  /// The outcome of this number of the schemas that a part of the value was held against.
  case outcome(Int)

  /// The kinds of values that the statement is about.
  var kinds: JSONKinds {
    switch self {
    case .kinds, .outcome: .all
    case .boolean: .boolean
    case .string: .string
    case .number: .number
    case .member, .memberCount, .memberNames, .members: .object
    case .elementCount, .elements, .contains, .uniqueElements: .array
    }
  }
}

/// A member's name, compared by bytes.
struct JSONName: Hashable, Sendable {
  let bytes: [UInt8]
  init(_ text: String) { bytes = Array(text.utf8) }
  init(bytes: [UInt8]) { self.bytes = bytes }
}

/// The truth of a statement, as far as it is known.
enum Truth: Sendable {
  case no
  case unknown
  case yes

  init(_ value: Bool) { self = value ? .yes : .no }

  static prefix func ! (truth: Truth) -> Truth {
    switch truth {
    case .no: .yes
    case .unknown: .unknown
    case .yes: .no
    }
  }
}
