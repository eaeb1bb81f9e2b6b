import Foundation
import OrderedCollections

/// Filters for web pages and reports, which few chat templates use.
extension JinjaEvaluator {
  static let pageFilters: Set<String> = [
    "filesizeformat", "forceescape", "groupby", "random", "striptags", "urlencode", "wordwrap", "xmlattr",
  ]

  func applyPage(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    try spend(on: value)
    switch name {
    case "groupby": return try groups(value, arguments)
    case "random":
      _ = try arguments.bind(name, [])
      guard let element = try value.elements().randomElement() else {
        return .undefined("No random item, sequence was empty.")
      }
      return value.isMarkup ? element.asMarkup : element
    default:
      let result = try makePage(filter: name, of: value, arguments)
      return result.derived(fromOutside: value.isFromOutside || arguments.areFromOutside)
    }
  }

  /// The filters that make a text.
  private func makePage(
    filter name: String, of value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "filesizeformat": return .plain(try fileSize(value, arguments))
    case "urlencode": return .plain(try urlEncoded(value, arguments))
    case "wordwrap": return .plain(try wrapped(try requiredString(value, name), arguments))
    case "xmlattr": return .plain(try attributes(value, arguments))
    default:
      _ = try arguments.bind(name, [])
      let text = try text(of: value)
      return name == "striptags" ? .plain(text.withoutTags) : JinjaValue.plain(text.escapedForXML).asMarkup
    }
  }

  private func fileSize(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let isBinary = try arguments.bind("filesizeformat", ["binary"])[0]?.isTrue ?? false
    guard let bytes = value.parsedNumber, bytes.isFinite else {
      throw .reason("could not convert \(value.representation.prefix(100)) to float")
    }
    let base = isBinary ? 1024.0 : 1000.0
    if bytes == 1 { return "1 Byte" }
    if bytes < base { return "\(String(format: "%.0f", bytes.rounded(.towardZero) + 0)) Bytes" }
    var unit = base
    for prefix in isBinary ? ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi"] : ["k", "M", "G", "T", "P", "E", "Z"] {
      unit *= base
      if bytes < unit { return "\((base * bytes / unit).fixed(digits: 1)) \(prefix)B" }
    }
    return "\((base * bytes / (unit * base)).fixed(digits: 1)) \(isBinary ? "Yi" : "Y")B"
  }

  /// Runs of elements with the same attribute, after sorting by it.
  private func groups(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind("groupby", ["attribute", "default", "case_sensitive"], required: 1)
    let isCaseSensitive = values[2]?.isTrue ?? false
    var items: [[JinjaValue]] = []
    for element in try value.elements() {
      let key = try get(values[0], of: element, fallback: values[1])
      items.append([key.sortKey(caseSensitive: isCaseSensitive), key, element])
    }
    var groups: [(key: JinjaValue, name: JinjaValue, items: [JinjaValue])] = []
    for item in try sort(items, reversed: false, by: { $0[0] }) {
      if let last = groups.last, last.key == item[0] {
        groups[groups.count - 1].items.append(item[2])
      } else {
        groups.append((item[0], item[1], [item[2]]))
      }
    }
    return .list(groups.map { .group($0.name, $0.items) })
  }

  private func urlEncoded(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    _ = try arguments.bind("urlencode", [])
    var pairs: [JinjaValue]
    switch value {
    case .dictionary(let members): pairs = members.map { .tuple([$0.key, $0.value]) }
    case .list, .tuple, .iterator, .view: pairs = try value.elements()
    default: return try text(of: value).percentEncoded(keeping: "/")
    }
    var encoded: [String] = []
    for pair in pairs {
      let parts = try pair.elements()
      guard parts.count == 2 else { throw .reason("urlencode expects pairs of names and values") }
      let name = try text(of: parts[0]).percentEncoded(keeping: "").replacing("%20", with: "+", limit: .max)
      encoded.append(
        name + "=" + (try text(of: parts[1])).percentEncoded(keeping: "").replacing("%20", with: "+", limit: .max))
    }
    return encoded.joined(separator: "&")
  }

  private func attributes(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let hasSpace = try arguments.bind("xmlattr", ["autospace"])[0]?.isTrue ?? true
    guard case .dictionary(let members) = value else {
      throw .reason("xmlattr expects a mapping, not \(value.typeName)")
    }
    var attributes: [String] = []
    for (key, value) in members {
      if case .none = value { continue }
      if value.isUndefined { continue }
      let name = try text(of: key)
      if name.unicodeScalars.contains(where: { $0.isPythonSpace || "/>=".unicodeScalars.contains($0) }) {
        throw .reason("Invalid character in attribute name: \(name.pythonRepresentation)")
      }
      attributes.append("\(try escaped(key).text)=\"\(try escaped(value).text)\"")
    }
    let text = attributes.joined(separator: " ")
    return text.isEmpty || !hasSpace ? text : " " + text
  }

  /// Lines of `width` characters at most, broken at white space, behind hyphens and, if need be, within words.
  private func wrapped(_ text: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let values = try arguments.bind(
      "wordwrap", ["width", "break_long_words", "wrapstring", "break_on_hyphens"])
    let width = try JinjaValue.integer(values[0], of: "wordwrap", default: 79)
    guard width > 0 else { throw .reason("invalid width \(width) (must be > 0)") }
    let breaksWords = values[1]?.isTrue ?? true
    var separator = "\n"
    if let value = values[2], value.isTrue { separator = try requiredString(value, "wordwrap") }
    var lines: [String] = []
    for line in text.lines() {
      let broken = line.wrapped(
        width: width, breakingWords: breaksWords, breakingAtHyphens: values[3]?.isTrue ?? true)
      lines += broken.isEmpty ? [""] : broken
    }
    try spend(bytes: text.utf8.count)
    try spend(bytes: separator.utf8.count, times: lines.count)
    return lines.joined(separator: separator)
  }
}

extension String {
  /// With the characters that mean something in XML as entities.
  var escapedForXML: String {
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "'": escaped += "&#39;"
      case "\"": escaped += "&#34;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// Without comments and tags, with the usual entities as characters and runs of white space as one space.
  fileprivate var withoutTags: String {
    var text = self
    for (open, close) in [("<!--", "-->"), ("<", ">")] {
      var rest = text
      text = ""
      while true {
        let parts = rest.parts(separatedBy: open, limit: 1)
        guard parts.count == 2, case let ends = parts[1].parts(separatedBy: close, limit: 1), ends.count == 2 else {
          break
        }
        text += parts[0]
        rest = ends[1]
      }
      text += rest
    }
    text = text.words().joined(separator: " ")
    for (entity, character) in [
      ("&lt;", "<"), ("&gt;", ">"), ("&#39;", "'"), ("&#34;", "\""), ("&quot;", "\""), ("&amp;", "&"),
    ] {
      text = text.replacing(entity, with: character, limit: .max)
    }
    return text
  }

  /// With every byte but letters, digits, `_.-~` and those in `kept` as `%XX`.
  fileprivate func percentEncoded(keeping kept: String) -> String {
    utf8.map { byte in
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        byte < 0x80 && (scalar.properties.isAlphabetic || scalar.isDecimalDigit || "_.-~".utf8.contains(byte))
      return isPlain || kept.utf8.contains(byte) ? String(scalar) : String(format: "%%%02X", byte)
    }.joined()
  }

  /// One line as Python's `textwrap` breaks it.
  fileprivate func wrapped(width: Int, breakingWords: Bool, breakingAtHyphens: Bool) -> [String] {
    var chunks = wrappingChunks(breakingAtHyphens: breakingAtHyphens).map { $0[...] }[...]
    var lines: [String] = []
    while !chunks.isEmpty {
      // White space at the start of a line goes, but for the first line.
      if !lines.isEmpty, chunks.first?.first?.isPythonSpace == true { chunks.removeFirst() }
      var line: [ArraySlice<Unicode.Scalar>] = []
      var length = 0
      while let chunk = chunks.first, length + chunk.count <= width {
        line.append(chunks.removeFirst())
        length += chunk.count
      }
      if let chunk = chunks.first, chunk.count > width {
        let room = width - length
        if breakingWords {
          line.append(chunk.prefix(room))
          chunks[chunks.startIndex] = chunk.dropFirst(room)
        } else if line.isEmpty {
          line.append(chunks.removeFirst())
        }
      }
      if line.last?.allSatisfy(\.isPythonSpace) == true { line.removeLast() }
      if !line.isEmpty { lines.append(String(scalars: line.joined())) }
    }
    return lines
  }

  /// Words, the runs of white space between them, and the parts of words that end in a hyphen.
  private func wrappingChunks(breakingAtHyphens: Bool) -> [[Unicode.Scalar]] {
    var chunks: [[Unicode.Scalar]] = []
    let scalars = Array(unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      let previous = chunks.last?.last
      let isHyphenBreak =
        breakingAtHyphens && previous == "-" && !scalar.isPythonSpace && (chunks.last?.count ?? 0) > 2
        && (chunks.last?.dropLast().last?.properties.isAlphabetic ?? false) && scalar.isPythonWordPart
        && index + 1 < scalars.count && scalars[index + 1].properties.isAlphabetic
      if let previous, previous.isPythonSpace == scalar.isPythonSpace, !isHyphenBreak {
        chunks[chunks.count - 1].append(scalar)
      } else {
        chunks.append([scalar])
      }
    }
    return chunks
  }
}
