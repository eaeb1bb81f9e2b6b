import OrderedCollections

/// Which methods values have. Those that would change a value exist but are out of a template's reach.
enum JinjaMethods {
  private static let string: Set<String> = [
    "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "format_map", "index",
    "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable",
    "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "partition",
    "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
  ]
  private static let dictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
  private static let dictionaryUnsafe: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
  private static let list: Set<String> = ["copy", "count", "index"]
  private static let listUnsafe: Set<String> = [
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
  ]
  private static let tuple: Set<String> = ["count", "index"]
  private static let number: Set<String> = ["is_integer"]
  private static let integer: Set<String> = ["bit_length"]
  private static let loop: Set<String> = ["changed", "cycle"]

  /// The methods of all kinds of values.
  static let names = [string, dictionary, dictionaryUnsafe, list, listUnsafe, tuple, number, integer, loop]
    .reduce(into: Set<String>()) { $0.formUnion($1) }

  /// The method of that name, something unusable if it is out of reach, or nil if there is none.
  static func find(_ name: String, of value: JinjaValue) -> JinjaValue? {
    let (known, unsafe): (Set<String>, Set<String>) =
      switch value {
      case .string, .markup: (string, [])
      case .dictionary: (dictionary, dictionaryUnsafe)
      case .list: (list, listUnsafe)
      case .tuple, .view(.range, _): (tuple, [])
      case .number: (number, [])
      case .integer, .bool: (integer, [])
      default: ([], [])
      }
    if known.contains(name) { return .method(of: value, name) }
    guard unsafe.contains(name) else { return nil }
    return .undefined("access to attribute '\(name)' of '\(value.typeName)' object is unsafe.")
  }
}

extension JinjaEvaluator {
  func call(
    method name: String, of receiver: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if receiver.asString == nil { try spend(receiver.count ?? 0) }
    switch receiver {
    case .string(let text): return try call(name, of: text, arguments)
    case .markup(let text): return try call(name, ofMarkup: text, arguments)
    case .dictionary(let members): return try call(name, of: members, arguments)
    case .list, .tuple, .view:
      if name == "copy" { return receiver }
      let elements = try receiver.elements()
      let value = try arguments.bind(name, ["value"], required: 1)[0] ?? .none
      try spend(on: receiver)
      try spend(on: value)
      if name == "count" { return .integer(elements.count { $0 == value }) }
      guard let index = elements.firstIndex(of: value) else {
        throw .reason("\(value.representation.prefix(100)) is not in \(receiver.typeName)")
      }
      return .integer(index)
    case .loop(let loop): return try call(name, of: loop, arguments)
    case .integer, .bool:
      _ = try arguments.bind(name, [])
      let magnitude = receiver.asInteger?.magnitude ?? 0
      return .integer(magnitude.bitWidth - magnitude.leadingZeroBitCount)
    case .number(let value): return .bool(value == value.rounded())
    default: throw .reason("'\(receiver.typeName)' object has no method '\(name)'")
    }
  }

  private func call(
    _ name: String, of members: JinjaDictionary, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "get":
      let values = try arguments.bind(name, ["key", "default"], required: 1)
      return members[try key(values[0] ?? .none)] ?? values[1] ?? .none
    case "items": return .view(.items, members.map { .tuple([$0.key, $0.value]) })
    case "keys": return .view(.keys, Array(members.keys))
    case "values": return .view(.values, Array(members.values))
    default: return .dictionary(members)
    }
  }
}
