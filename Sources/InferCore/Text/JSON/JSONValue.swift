public import OrderedCollections

/// A JSON document as a value: objects keep the order of their keys, and integers stay integers.
///
/// Order matters twice: a chat template prints a tool's schema in the order the caller wrote it, and a `vocab` may be
/// read in file order. Equality is exact: `.integer(1)` differs from `.number(1)`, and objects compare with their
/// order.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  /// Any number written with a fraction or an exponent, and any integer beyond 64 bits (rounded).
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(OrderedDictionary<String, JSONValue>)
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
    return Array(members.keys)
  }

  /// The element at that index, or nil when this is no array or is shorter.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  /// Whether this is the value `null`.
  public var isNull: Bool { self == .null }

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

  /// Any number, converted.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
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
  public var object: OrderedDictionary<String, JSONValue>? {
    guard case .object(let value) = self else { return nil }
    return value
  }

  /// What kind of value this is, in the words of an error message: "a string", "an object", …
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "an integer"
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
    self = .object(OrderedDictionary(elements, uniquingKeysWith: { _, last in last }))
  }
}
