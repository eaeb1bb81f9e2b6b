/// A value of a GGUF file's metadata. Widths of numbers are told apart on disk and not here.
package enum GGUFValue: Sendable, Equatable {
  /// An integer without sign.
  case unsigned(UInt64)
  /// An integer with sign.
  case signed(Int64)
  /// A number in single or double precision.
  case number(Double)
  /// A truth value.
  case bool(Bool)
  /// A text.
  case string(String)
  /// A list of values of one kind.
  case array([GGUFValue])

  /// The text; `nil` for other values.
  package var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The integer; `nil` for other values and for negative ones.
  package var count: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .signed(let value): value >= 0 ? Int(exactly: value) : nil
    default: nil
    }
  }

  /// The number or integer; `nil` for other values.
  package var double: Double? {
    switch self {
    case .unsigned(let value): Double(value)
    case .signed(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The truth value; `nil` for other values.
  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// The elements of a list; `nil` for other values.
  package var array: [GGUFValue]? {
    if case .array(let values) = self { values } else { nil }
  }

  /// The kind of value, for messages.
  package var kind: String {
    switch self {
    case .unsigned, .signed: "an integer"
    case .number: "a number"
    case .bool: "a truth value"
    case .string: "a string"
    case .array: "an array"
    }
  }
}
