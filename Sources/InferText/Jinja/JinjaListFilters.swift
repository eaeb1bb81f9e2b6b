/// Filters over sequences.
extension JinjaEvaluator {
  static let listFilters: Set<String> = [
    "first", "join", "last", "list", "map", "max", "min", "reject", "rejectattr", "reverse", "select",
    "selectattr",
    "sort", "sum", "unique",
  ]

  private static let lenientFilters: Set<String> = ["map", "reject", "rejectattr", "select", "selectattr"]

  func applyList(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if name == "reverse", let text = value.asString {
      let reversed = JinjaValue.plain(String(scalars: text.unicodeScalars.reversed()))
      return (value.isMarkup ? reversed.asMarkup : reversed).derived(fromOutside: value.isFromOutside)
    }
    // Some go through nothing when there is nothing, whatever kind of nothing it is.
    let elements = !value.isTrue && Self.lenientFilters.contains(name) ? [] : try value.elements()
    try spend(elements.count)
    switch name {
    case "first", "last":
      _ = try arguments.bind(name, [])
      let element = name == "first" ? elements.first : value.isMarkup ? elements.last?.asMarkup : elements.last
      return element ?? .undefined("No \(name) item, sequence was empty.")
    case "list": return .list(elements)
    case "reverse": return .iterator(elements.reversed())
    case "join":
      let values = try arguments.bind(name, ["d", "attribute"])
      var parts: [JinjaString] = []
      for element in elements { parts.append(try printed(try get(values[1], of: element))) }
      return .string(try join(parts, with: try printed(values[0] ?? .string(""))))
    case "map": return .iterator(try map(elements, arguments))
    case "select", "reject", "selectattr", "rejectattr": return .iterator(try select(elements, name, arguments))
    case "sort":
      let values = try arguments.bind(name, ["reverse", "case_sensitive", "attribute"])
      let keys = try sortKeys(elements, values[2], caseSensitive: values[1])
      let pairs = zip(keys, elements).map { [$0, $1] }
      return .list(try sort(pairs, reversed: values[0]?.isTrue ?? false) { $0[0] }.map { $0[1] })
    case "min", "max": return try extreme(elements, name, arguments)
    case "unique":
      let values = try arguments.bind(name, ["case_sensitive", "attribute"])
      return .iterator(try unique(elements, try keys(elements, values[1], caseSensitive: values[0])))
    case "sum":
      let values = try arguments.bind(name, ["attribute", "start"])
      var sum = values[1] ?? .integer(0)
      for element in elements { sum = try compute(.add, sum, try get(values[0], of: element)) }
      return sum
    default: preconditionFailure("'\(name)' is listed as a filter of lists but is none")
    }
  }

  /// The part of an element that an `attribute` argument names: a path as in `function.name` or `0`; all of it for nil.
  /// A part that is missing on the way is `fallback`.
  func get(
    _ path: JinjaValue?, of element: JinjaValue, fallback: JinjaValue? = nil
  ) throws(JinjaFailure) -> JinjaValue {
    guard let path else { return element }
    if case .none = path { return element }
    var steps = [path]
    if path.asInteger == nil {
      let names = try requiredString(path, "attribute")
      try spend(bytes: names.utf8.count)
      steps = names.parts(separatedBy: ".").map {
        Int($0).map(JinjaValue.integer) ?? .plain($0)
      }
    }
    var value = element
    for step in steps {
      value = try self.element(step, of: value)
      if let fallback, value.isUndefined { value = fallback }
    }
    return value
  }

  /// The key that sorts a value: text without regard to case, unless asked for.
  func sortKey(of value: JinjaValue, caseSensitive: JinjaValue?) throws(JinjaFailure) -> JinjaValue {
    guard let text = value.asString, caseSensitive?.isTrue != true else { return value }
    try spend(bytes: text.utf8.count)
    return .plain(text.lowercased())
  }

  private func keys(
    _ elements: [JinjaValue], _ path: JinjaValue?, caseSensitive: JinjaValue?
  ) throws(JinjaFailure) -> [JinjaValue] {
    var keys: [JinjaValue] = []
    for element in elements {
      keys.append(try sortKey(of: try get(path, of: element), caseSensitive: caseSensitive))
    }
    return keys
  }

  /// The keys that sort elements: an attribute, or several with commas between them.
  private func sortKeys(
    _ elements: [JinjaValue], _ path: JinjaValue?, caseSensitive: JinjaValue?
  ) throws(JinjaFailure) -> [JinjaValue] {
    var paths = [path]
    if let names = path?.asString { paths = names.parts(separatedBy: ",").map(JinjaValue.plain) }
    // Lists, although most have one element: equal ones need not be comparable.
    var keys: [[JinjaValue]] = elements.map { _ in [] }
    for path in paths {
      for (index, key) in try self.keys(elements, path, caseSensitive: caseSensitive).enumerated() {
        keys[index].append(key)
      }
    }
    return keys.map(JinjaValue.list)
  }

  /// A stable merge sort, because the comparison can fail.
  func sort(
    _ items: [[JinjaValue]], reversed: Bool, by key: ([JinjaValue]) -> JinjaValue
  ) throws(JinjaFailure) -> [[JinjaValue]] {
    guard items.count > 1 else { return items }
    let middle = items.count / 2
    let left = try sort(Array(items[..<middle]), reversed: reversed, by: key)
    let right = try sort(Array(items[middle...]), reversed: reversed, by: key)
    var merged: [[JinjaValue]] = []
    var (i, j) = (0, 0)
    while i < left.count && j < right.count {
      let (a, b) = (key(left[i]), key(right[j]))
      let takesRight = reversed ? try compare(.less, a, b) : try compare(.less, b, a)
      merged.append(takesRight ? right[j] : left[i])
      if takesRight { j += 1 } else { i += 1 }
    }
    return merged + left[i...] + right[j...]
  }

  private func extreme(
    _ elements: [JinjaValue], _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind(name, ["case_sensitive", "attribute"])
    guard !elements.isEmpty else { return .undefined("No aggregated item, sequence was empty.") }
    let keys = try keys(elements, values[1], caseSensitive: values[0])
    var best = 0
    for index in keys.indices.dropFirst() {
      let isBetter =
        name == "min" ? try compare(.less, keys[index], keys[best]) : try compare(.less, keys[best], keys[index])
      if isBetter { best = index }
    }
    return elements[best]
  }

  private func unique(_ elements: [JinjaValue], _ keys: [JinjaValue]) throws(JinjaFailure) -> [JinjaValue] {
    var seen: Set<JinjaValue> = []
    var kept: [JinjaValue] = []
    for (key, element) in zip(keys, elements) {
      if seen.insert(try self.key(key)).inserted { kept.append(element) }
    }
    return kept
  }

  /// `map("filter", arguments…)` or `map(attribute="path", default=value)`.
  private func map(_ elements: [JinjaValue], _ arguments: JinjaArguments) throws(JinjaFailure) -> [JinjaValue] {
    var mapped: [JinjaValue] = []
    if arguments.positional.isEmpty {
      guard let path = arguments.named["attribute"] else { throw .reason("map requires a filter argument") }
      for element in elements { mapped.append(try get(path, of: element, fallback: arguments.named["default"])) }
      return mapped
    }
    let filter = try requiredString(arguments.positional[0], "map")
    var rest = arguments
    rest.positional.removeFirst()
    for element in elements {
      mapped.append(try nested { () throws(JinjaFailure) in try apply(filter: filter, to: element, rest) })
    }
    return mapped
  }

  /// Keeps or drops the elements, or those with an attribute, for which a test holds; without a test, truth counts.
  private func select(
    _ elements: [JinjaValue], _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> [JinjaValue] {
    var arguments = arguments
    var path: JinjaValue?
    if name.hasSuffix("attr") {
      guard !arguments.positional.isEmpty else { throw .reason("Missing parameter for attribute name") }
      path = arguments.positional.removeFirst()
    }
    var test: String?
    if !arguments.positional.isEmpty { test = try requiredString(arguments.positional.removeFirst(), name) }
    let keeps = name.hasPrefix("select")
    var kept: [JinjaValue] = []
    for element in elements {
      let value = try get(path, of: element)
      let holds = try test.map { (test) throws(JinjaFailure) in try self.test(test, value, arguments) } ?? value.isTrue
      if holds == keeps { kept.append(element) }
    }
    return kept
  }
}
