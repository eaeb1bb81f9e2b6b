/// A JSON document as a value: objects keep the order of their keys, and integers stay integers.
///
/// Order matters twice: a chat template prints a tool's schema in the order the caller wrote it, and a `vocab` may be
/// read in file order. Equality is exact: `.integer(1)` differs from `.number(1)`, objects compare with their order, and
/// strings and keys by their bytes.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits, with all its digits.
  case largeInteger(LargeInteger)
  /// A number written with a fraction or an exponent.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// The members of a JSON object by name, in order. Names are compared by their bytes.
public typealias JSONObject = TextDictionary<JSONValue>

extension JSONValue: Equatable {
  /// Whether both are of the same kind and value.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.largeInteger(let left), .largeInteger(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.isExactly(right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension JSONValue {
  /// The member of that name, or nil when this is no object or has no such member.
  ///
  /// Setting nil removes the member. Only members of an object can be set.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members[key]
    }
    set {
      guard case .object(var members) = self else { preconditionFailure("setting \"\(key)\" in \(kind)") }
      self = .null  // Gives up the storage, so that it is changed in place.
      members[key] = newValue
      self = .object(members)
    }
  }

  /// The names of an object's members in order; none for any other value.
  public var keys: [String] {
    guard case .object(let members) = self else { return [] }
    return members.keys
  }

  /// The element at that index, or nil when this is no array or is shorter.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  /// Whether this is the value `null`.
  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  /// The value of a boolean.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// An integer, also when it was written as a number without a fractional part (`1.0`, `1e3`).
  public var int: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// Any number, converted; infinite for an integer from 2¹⁰²⁴ on.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .largeInteger(let value): value.double
    case .number(let value): value
    default: nil
    }
  }

  /// A number with its sign changed; nil for any other value.
  var negated: JSONValue? {
    switch self {
    case .integer(let value):
      value == .min ? LargeInteger("9223372036854775808").map(JSONValue.largeInteger) : .integer(-value)
    case .largeInteger(let value): Int(value.negated.description).map(JSONValue.integer) ?? .largeInteger(value.negated)
    case .number(let value): .number(-value)
    default: nil
    }
  }

  /// The text of a string.
  public var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// The elements of an array.
  public var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The members of an object, in order.
  public var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }

  /// The kind of this value, in the words of an error message: "a string", "an object", …
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .largeInteger: "an integer"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// `nil` is `null`.
  public init(nilLiteral: ()) { self = .null }
  /// A boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object; the last of duplicate keys counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements, uniquingKeysWith: { _, last in last }))
  }
}
