/// A text in a template that knows where each of its bytes comes from: the template, or outside of it, which is
/// messages, tools, documents and variables.
///
/// Cutting and joining keep track byte by byte. What anything else makes of texts is from outside as a whole as soon as
/// part of its input is.
struct JinjaString: Sendable {
  private(set) var text: String
  private var origin: Origin
  /// The bytes from outside, ascending and apart, where only some are.
  private var ranges: [Range<Int>] = []

  private enum Origin: UInt8 { case template, outside, mixed }

  /// A text of which all is from one place.
  init(_ text: String, isFromOutside: Bool) {
    self.text = text
    origin = isFromOutside ? .outside : .template
  }

  /// A text of which these bytes are from outside.
  private init(_ text: String, _ ranges: [Range<Int>]) {
    self.text = text
    switch ranges.count {
    case 0: origin = .template
    case 1 where ranges[0].count == text.utf8.count: origin = .outside
    default: (origin, self.ranges) = (.mixed, ranges)
    }
  }

  var count: Int { text.utf8.count }

  /// Whether any of it is from outside.
  var isFromOutside: Bool { origin != .template && !text.isEmpty }

  /// The bytes from outside, ascending and apart.
  var outside: [Range<Int>] {
    switch origin {
    case .template: []
    case .outside: text.isEmpty ? [] : [0..<count]
    case .mixed: ranges
    }
  }

  /// - Complexity: O(n) in what is appended.
  mutating func append(_ other: JinjaString) {
    guard !other.text.isEmpty else { return }
    let start = count
    if start == 0 {
      self = other
      return
    }
    text += other.text
    guard origin != other.origin || origin == .mixed else { return }
    if origin != .mixed {
      ranges = origin == .outside ? [0..<start] : []
      origin = .mixed
    }
    for range in other.outside {
      let moved = start + range.lowerBound..<start + range.upperBound
      if let last = ranges.last, last.upperBound == moved.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<moved.upperBound
      } else {
        ranges.append(moved)
      }
    }
  }

  /// The bytes in a range, which begins and ends between characters.
  subscript(range: Range<Int>) -> JinjaString {
    let utf8 = text.utf8
    let start = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
    let part = String(text[start..<utf8.index(start, offsetBy: range.count)])
    guard origin == .mixed else { return JinjaString(part, isFromOutside: origin == .outside) }
    return JinjaString(part, ranges.within(range))
  }

  /// The characters, one by one.
  var characters: [JinjaString] {
    guard origin == .mixed else {
      return text.unicodeScalars.map { JinjaString(String($0), isFromOutside: origin == .outside) }
    }
    var position = 0
    return text.unicodeScalars.map { scalar in
      let start = position
      position += UTF8.width(scalar)
      return self[start..<position]
    }
  }
}

extension JinjaString {
  /// All parts with a separator between them.
  init(joining parts: [JinjaString], with separator: JinjaString = "") {
    self = ""
    for (index, part) in parts.enumerated() {
      if index > 0 { append(separator) }
      append(part)
    }
  }

  static func + (left: JinjaString, right: JinjaString) -> JinjaString {
    var sum = left
    sum.append(right)
    return sum
  }

  /// Without the white space, or the characters given, at its ends.
  func stripped(of characters: String?, left: Bool = true, right: Bool = true) -> JinjaString {
    let kept = text.strippedRange(of: characters, left: left, right: right)
    let start = text.utf8.distance(from: text.startIndex, to: kept.lowerBound)
    return self[start..<start + text.utf8.distance(from: kept.lowerBound, to: kept.upperBound)]
  }

  /// The parts between separators; see ``Swift/String/partRanges(separatedBy:limit:fromRight:)``.
  func parts(separatedBy separator: String, limit: Int = .max, fromRight: Bool = false) -> [JinjaString] {
    text.partRanges(separatedBy: separator, limit: limit, fromRight: fromRight).map { self[$0] }
  }
}

extension JinjaString: ExpressibleByStringLiteral, Equatable {
  /// A text of this program's own.
  init(stringLiteral value: String) { self.init(value, isFromOutside: false) }

  /// Whether both are the same text, wherever from.
  static func == (left: JinjaString, right: JinjaString) -> Bool { left.text.isExactly(right.text) }
}

extension JinjaValue {
  /// A text that is as good as the template's own.
  static func plain(_ text: String) -> JinjaValue { .string(JinjaString(text, isFromOutside: false)) }

  /// Whether any text in the value is from outside.
  var isFromOutside: Bool {
    switch self {
    case .string(let text), .markup(let text): text.isFromOutside
    case .list(let elements), .tuple(let elements), .iterator(let elements), .view(_, let elements):
      elements.contains(where: \.isFromOutside)
    case .dictionary(let members): members.contains { $0.key.isFromOutside || $0.value.isFromOutside }
    case .method(let receiver, _): receiver.isFromOutside
    default: false
    }
  }

  /// The value with all its texts from outside, if `isFromOutside`: what an operation made of such input.
  func derived(fromOutside isFromOutside: Bool) -> JinjaValue {
    guard isFromOutside else { return self }
    return switch self {
    case .string(let text): .string(JinjaString(text.text, isFromOutside: true))
    case .markup(let text): .markup(JinjaString(text.text, isFromOutside: true))
    case .list(let elements): .list(elements.map { $0.derived(fromOutside: true) })
    case .tuple(let elements): .tuple(elements.map { $0.derived(fromOutside: true) })
    case .iterator(let elements): .iterator(elements.map { $0.derived(fromOutside: true) })
    default: self
    }
  }
}

extension JinjaArguments {
  /// Whether any text in the arguments is from outside.
  var areFromOutside: Bool {
    positional.contains(where: \.isFromOutside) || named.contains { $0.value.isFromOutside }
  }
}
