import OrderedCollections

typealias JinjaDictionary = OrderedDictionary<JinjaValue, JinjaValue>

/// A value in a template, with Python's behaviour.
///
/// All values are immutable but namespaces and macros, which live in the evaluator and are referred to by number: so no
/// value can contain itself, and nothing outlives the rendering.
enum JinjaValue: Sendable {
  /// What a missing name, attribute or element gives. Harmless when printed or tested; using it fails with this reason.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([JinjaValue])
  case tuple([JinjaValue])
  /// What Python's generators are: can be gone through, but has no length and no elements by index.
  case iterator([JinjaValue])
  case dictionary(JinjaDictionary)
  case namespace(Int)
  case macro(Int)
  case function(JinjaFunction)
  indirect case method(of: JinjaValue, String)
  case loop(JinjaLoop)
}

/// The variable `loop` of a `for` statement.
struct JinjaLoop: Sendable {
  let items: [JinjaValue]
  let index: Int
}

/// The functions that every template can call.
enum JinjaFunction: String, Sendable, CaseIterable {
  case range, dict, namespace
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

extension JinjaValue {
  /// The name of the type in Python, for error messages.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .number: "float"
    case .string: "str"
    case .list: "list"
    case .tuple: "tuple"
    case .iterator: "generator"
    case .dictionary: "dict"
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .function: "function"
    case .method: "builtin_function_or_method"
    case .loop: "LoopContext"
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let elements), .tuple(let elements): !elements.isEmpty
    case .dictionary(let members): !members.isEmpty
    case .iterator, .namespace, .macro, .function, .method, .loop: true
    }
  }

  /// Integers and booleans, which count as 0 and 1.
  var asInteger: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  var asNumber: Double? {
    if case .number(let value) = self { return value }
    return asInteger.map(Double.init)
  }

  var asString: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  /// The elements that `for` goes through.
  func elements() throws(JinjaFailure) -> [JinjaValue] {
    switch self {
    case .undefined: []
    case .list(let elements), .tuple(let elements), .iterator(let elements): elements
    case .dictionary(let members): Array(members.keys)
    case .string(let text): text.unicodeScalars.map { .string(String($0)) }
    default: throw .reason("'\(typeName)' object is not iterable")
    }
  }

  var isIterable: Bool {
    switch self {
    case .undefined, .list, .tuple, .iterator, .dictionary, .string: true
    default: false
    }
  }

  /// What `len` says; nil for values without a length.
  var count: Int? {
    switch self {
    case .undefined: 0
    case .list(let elements), .tuple(let elements): elements.count
    case .dictionary(let members): members.count
    case .string(let text): text.unicodeScalars.count
    default: nil
    }
  }
}

extension JinjaValue: Hashable {
  /// Python's equality: numbers by value across types, strings by scalars, dictionaries without regard to order.
  static func == (left: JinjaValue, right: JinjaValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)): return left == right
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    case (.namespace(let left), .namespace(let right)), (.macro(let left), .macro(let right)): return left == right
    case (.function(let left), .function(let right)): return left == right
    default:
      if let left = left.asInteger, let right = right.asInteger { return left == right }
      guard let left = left.asNumber, let right = right.asNumber else { return false }
      return left == right
    }
  }

  func hash(into hasher: inout Hasher) {
    switch self {
    case .string(let text): for byte in text.utf8 { hasher.combine(byte) }
    case .tuple(let elements): hasher.combine(elements)
    case .bool, .integer, .number: hasher.combine(asNumber)
    default: break
    }
  }

  /// Whether it may be a key of a dictionary.
  var isHashable: Bool {
    switch self {
    case .list, .dictionary: false
    case .tuple(let elements): elements.allSatisfy(\.isHashable)
    default: true
    }
  }
}

extension JinjaValue {
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(value)
    case .array(let elements): self = .list(elements.map(JinjaValue.init))
    case .object(let members):
      self = .dictionary(
        JinjaDictionary(uniqueKeysWithValues: members.map { (.string($0.key), JinjaValue($0.value)) }))
    }
  }

  /// As JSON, where only what JSON knows is allowed. Keys become strings as Python's `json` writes them.
  func json() throws(JinjaFailure) -> JSONValue {
    switch self {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let value): return .string(value)
    case .list(let elements), .tuple(let elements):
      var array: [JSONValue] = []
      for element in elements { array.append(try element.json()) }
      return .array(array)
    case .dictionary(let members):
      var object: OrderedDictionary<String, JSONValue> = [:]
      for (key, value) in members {
        switch key {
        case .string(let name): object[name] = try value.json()
        case .none, .bool, .integer, .number: object[try key.json().serialized()] = try value.json()
        default: throw .reason("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
      }
      return .object(object)
    default: throw .reason("Object of type \(typeName) is not JSON serializable")
    }
  }
}
