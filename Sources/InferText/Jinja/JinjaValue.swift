import OrderedCollections

typealias JinjaDictionary = OrderedDictionary<JinjaValue, JinjaValue>

/// A value in a template, with Python's behaviour.
///
/// All values are immutable but namespaces and macros, which live in the evaluator and are referred to by number: so no
/// value can contain itself, and nothing outlives the rendering.
enum JinjaValue: Sendable {
  /// The value of a missing name, attribute or element. Harmless when printed or tested; using it fails with this reason.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  /// An integer beyond 64 bits: printed and compared, but not calculated with.
  case largeInteger(LargeInteger)
  case number(Double)
  case string(JinjaString)
  /// Text that has been escaped.
  case markup(JinjaString)
  case list([JinjaValue])
  case tuple([JinjaValue])
  /// Python's generator: can be gone through, but has no length and no elements by index.
  case iterator([JinjaValue])
  case dictionary(JinjaDictionary)
  /// The view of a dictionary, or a range: no list, but with a length.
  case view(JinjaView, [JinjaValue])
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
  /// Tells runs of loops apart.
  let run: Int
  /// How many recursive loops this one is in.
  let depth: Int
  /// Which recursive loop it is, if it may be called.
  let recursion: Int?
}

/// The kind of a sequence that is no list.
enum JinjaView: Sendable, Equatable {
  case keys, values, items
  case range(Int, Int, Int)

  var typeName: String {
    switch self {
    case .keys: "dict_keys"
    case .values: "dict_values"
    case .items: "dict_items"
    case .range: "range"
    }
  }
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
    case .integer, .largeInteger: "int"
    case .number: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .iterator: "generator"
    case .dictionary: "dict"
    case .view(let view, _): view.typeName
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
    case .string(let value), .markup(let value): !value.text.isEmpty
    case .list(let elements), .tuple(let elements): !elements.isEmpty
    case .dictionary(let members): !members.isEmpty
    case .view(_, let elements): !elements.isEmpty
    case .largeInteger, .iterator, .namespace, .macro, .function, .method, .loop: true
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

  /// Whether it is an integer of any size, or a boolean.
  var isInteger: Bool {
    if case .largeInteger = self { return true }
    return asInteger != nil
  }

  var asNumber: Double? {
    switch self {
    case .number(let value): value
    case .largeInteger(let value): value.double
    default: asInteger.map(Double.init)
    }
  }

  var asString: String? {
    switch self {
    case .string(let value), .markup(let value): value.text
    default: nil
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  /// The elements that `for` goes through.
  func elements() throws(JinjaFailure) -> [JinjaValue] {
    switch self {
    case .undefined: []
    case .list(let elements), .tuple(let elements), .iterator(let elements), .view(_, let elements): elements
    case .dictionary(let members): Array(members.keys)
    case .string(let text), .markup(let text): text.characters.map(JinjaValue.string)
    default: throw .reason("'\(typeName)' object is not iterable")
    }
  }

  var isIterable: Bool {
    switch self {
    case .undefined, .list, .tuple, .iterator, .dictionary, .view, .string, .markup: true
    default: false
    }
  }

  /// Python's `len`; nil for values without a length.
  var count: Int? {
    switch self {
    case .undefined: 0
    case .list(let elements), .tuple(let elements), .view(_, let elements): elements.count
    case .dictionary(let members): members.count
    case .string(let text), .markup(let text): text.text.unicodeScalars.count
    default: nil
    }
  }
}

extension JinjaValue: Hashable {
  /// Python's equality: numbers by value across types, strings by scalars, dictionaries without regard to order.
  static func == (left: JinjaValue, right: JinjaValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)): return left == right
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    case (.view(.range, let left), .view(.range, let right)): return left == right
    case (.view(let leftView, let left), .view(let rightView, let right)):
      // Views of values are equal only to themselves, which cannot be told here.
      guard leftView == rightView, leftView != .values, left.count == right.count else { return false }
      return leftView == .keys ? Set(left) == Set(right) : JinjaDictionary(items: left) == JinjaDictionary(items: right)
    case (.namespace(let left), .namespace(let right)), (.macro(let left), .macro(let right)):
      return left == right
    case (.function(let left), .function(let right)): return left == right
    default:
      if let left = left.asString, let right = right.asString { return left.isExactly(right) }
      return JinjaNumber(left).flatMap { left in JinjaNumber(right).map { left == $0 } } ?? false
    }
  }

  func hash(into hasher: inout Hasher) {
    switch self {
    case .string(let text), .markup(let text): hasher.combine(ExactText(text.text))
    case .tuple(let elements): hasher.combine(elements)
    case .bool, .integer, .largeInteger, .number: hasher.combine(asNumber)
    case .namespace(let index), .macro(let index): hasher.combine(index)
    case .function(let function): hasher.combine(function)
    default: break
    }
  }

  /// Whether it may be a key of a dictionary.
  var isHashable: Bool {
    switch self {
    case .list, .dictionary, .iterator, .loop, .method: false
    case .view(let view, _): view.typeName == "range"
    case .tuple(let elements): elements.allSatisfy(\.isHashable)
    default: true
    }
  }
}

extension JinjaDictionary {
  /// The dictionary of a view's pairs.
  fileprivate init(items: [JinjaValue]) {
    self = [:]
    for case .tuple(let pair) in items where pair.count == 2 { self[pair[0]] = pair[1] }
  }
}

extension JinjaValue {
  /// A value from outside of the template.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .largeInteger(let value): self = .largeInteger(value)
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(JinjaString(value, isFromOutside: true))
    case .array(let elements): self = .list(elements.map { JinjaValue($0) })
    case .object(let members):
      self = .dictionary(
        JinjaDictionary(
          uniqueKeysWithValues: members.map {
            (.string(JinjaString($0.key, isFromOutside: true)), JinjaValue($0.value))
          }))
    }
  }

  /// As JSON, where only what JSON knows is allowed. Keys become strings as Python's `json` writes them.
  func json() throws(JinjaFailure) -> JSONValue {
    switch self {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .largeInteger(let value): return .largeInteger(value)
    case .number(let value): return .number(value)
    case .string(let value), .markup(let value): return .string(value.text)
    case .list(let elements), .tuple(let elements):
      var array: [JSONValue] = []
      for element in elements { array.append(try element.json()) }
      return .array(array)
    case .dictionary(let members):
      var object: JSONObject = [:]
      for (key, value) in members {
        switch key {
        case .string(let name), .markup(let name): object[name.text] = try value.json()
        case .none, .bool, .integer, .largeInteger, .number: object[try key.json().serialized()] = try value.json()
        default: throw .reason("keys must be str, int, float, bool or None, not \(key.typeName)")
        }
      }
      return .object(object)
    default: throw .reason("Object of type \(typeName) is not JSON serializable")
    }
  }
}
