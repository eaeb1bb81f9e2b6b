import InferCore
import InferText

/// Reads the members of a JSON object, naming the member in every complaint.
///
/// A member that is `null` counts as absent, as it does for the API's own clients.
struct FieldReader {
  private let value: JSONValue
  /// Members that came under another name, by the name that they are read by.
  private var aliases: [String: Alias] = [:]
  /// The table that bounds the members; `nil` for objects that no table describes.
  var fields: RequestFields?
  /// Path of this object from the request's root, as in `messages[2]`; empty at the root.
  let path: String

  /// A reader of an object.
  init(_ value: JSONValue, path: String = "") throws(APIError) {
    guard value.object != nil else {
      throw .invalid(
        path.isEmpty ? nil : path, "\(path.isEmpty ? "The request body" : path) must be an object, not \(value.kind).",
        code: "invalid_type")
    }
    self.value = value
    self.path = path
  }

  /// A reader of a request's body.
  init(body: [UInt8]) throws(APIError) {
    let value: JSONValue
    let text = try Self.text(body)
    do { value = try JSONValue(parsing: text) } catch {
      throw .invalid(nil, "The request body is not valid JSON: \(error)", code: "invalid_json")
    }
    try self.init(value)
  }

  /// A body's UTF-8, without the mark that some programs put before it.
  private static func text(_ body: [UInt8]) throws(APIError) -> [UInt8] {
    if body.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(body.dropFirst(3)) }
    // JSON begins with a character of ASCII, so that a zero beside it tells wider units apart, marked or not.
    let start = body.prefix(2)
    guard start.count == 2,
      start.contains(0) || start.elementsEqual([0xFF, 0xFE]) || start.elementsEqual([0xFE, 0xFF])
    else { return body }
    throw .invalid(nil, "The request body is UTF-16 or UTF-32; JSON is sent as UTF-8.", code: "invalid_json")
  }

  /// The path of a member, as the request spells it.
  func name(_ key: String) -> String {
    if own(key) == nil, let alias = aliases[key] { return alias.path }
    return path.isEmpty ? key : "\(path).\(key)"
  }

  /// The names of the members, as the request has them.
  var names: [String] { value.keys }

  /// The member, unless it is absent or `null`.
  subscript(_ key: String) -> JSONValue? { own(key) ?? aliases[key]?.value }

  private func own(_ key: String) -> JSONValue? {
    guard let member = value[key], !member.isNull else { return nil }
    return member
  }

  /// Lets a value that stands elsewhere be read as a member, unless that is there itself or has been given.
  mutating func alias(_ key: String, path: String, _ value: JSONValue) {
    if aliases[key] == nil { aliases[key] = Alias(path: path, value: value) }
  }

  private struct Alias {
    let path: String
    let value: JSONValue
  }

  /// A complaint about a member's type.
  func wrongType(_ key: String, _ value: JSONValue, expected: String) -> APIError {
    .invalid(name(key), "\(name(key)) must be \(expected), not \(value.kind).", code: "invalid_type")
  }

  /// A complaint about the type of an element of a member.
  func wrongType(_ key: String, at index: Int, _ value: JSONValue, expected: String) -> APIError {
    let name = "\(name(key))[\(index)]"
    return .invalid(name, "\(name) must be \(expected), not \(value.kind).", code: "invalid_type")
  }

  /// A complaint about a member's value.
  func wrongValue(_ key: String, _ reason: String) -> APIError {
    .invalid(name(key), "\(name(key)) \(reason).", code: "invalid_value")
  }

  /// A complaint about a member that is absent.
  func missing(_ key: String) -> APIError {
    .invalid(name(key), "\(name(key)) is required.", code: "missing_required_parameter")
  }

  func string(_ key: String) throws(APIError) -> String? {
    guard let member = self[key] else { return nil }
    guard let text = member.string else { throw wrongType(key, member, expected: "a string") }
    if case .choice(let names)? = shape(of: key), !names.containsExactly(text) {
      throw wrongValue(key, "must be \(Self.alternatives(names)), not '\(text)'")
    }
    return text
  }

  func required(string key: String) throws(APIError) -> String {
    guard let text = try string(key) else { throw missing(key) }
    return text
  }

  func bool(_ key: String) throws(APIError) -> Bool? {
    guard let member = self[key] else { return nil }
    guard let flag = member.bool else { throw wrongType(key, member, expected: "a boolean") }
    return flag
  }

  /// A number within the bounds of its shape.
  func number(_ key: String) throws(APIError) -> Double? {
    guard let member = self[key] else { return nil }
    guard let number = member.double else { throw wrongType(key, member, expected: "a number") }
    if case .number(let bounds)? = shape(of: key), !bounds.contains(number) {
      throw wrongValue(key, "must be \(bounds), not \(number)")
    }
    return number
  }

  /// An integer in a range, which without one is that of its shape.
  func integer(_ key: String, in range: ClosedRange<Int>? = nil) throws(APIError) -> Int? {
    guard let member = self[key] else { return nil }
    guard let integer = member.int else {
      if Self.isBeyondIntegers(member) { throw wrongValue(key, "is out of range: it does not fit 64 bits") }
      throw wrongType(key, member, expected: "an integer")
    }
    let range = range ?? bounds(of: key)
    guard range.contains(integer) else {
      let bounds =
        range.upperBound == .max
        ? "at least \(range.lowerBound)" : "between \(range.lowerBound) and \(range.upperBound)"
      throw wrongValue(key, "must be \(bounds), not \(integer)")
    }
    return integer
  }

  /// The range of an integer's shape.
  func bounds(of key: String) -> ClosedRange<Int> {
    switch shape(of: key) {
    case .integer(let range, _)?: range
    case .either(let shapes)?:
      shapes.lazy.compactMap { if case .integer(let range, _) = $0 { range } else { nil } }.first ?? .min ... .max
    default: .min ... .max
    }
  }

  private func shape(of key: String) -> JSONShape? { fields?.shape(of: key)?.bare }

  /// Names in quotes, as a sentence lists them.
  static func alternatives(_ names: [String]) -> String {
    let quoted = names.map { "'\($0)'" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.joined() }
    return "\(quoted.dropLast().joined(separator: ", ")) or \(last)"
  }

  /// Whether this is an integer too large for `Int`, which JSON values hold rounded.
  private static func isBeyondIntegers(_ value: JSONValue) -> Bool {
    guard value.int == nil, let number = value.double else { return false }
    return number == number.rounded()
  }

  func array(_ key: String) throws(APIError) -> [JSONValue]? {
    guard let member = self[key] else { return nil }
    guard let elements = member.array else { throw wrongType(key, member, expected: "an array") }
    return elements
  }

  func object(_ key: String) throws(APIError) -> FieldReader? {
    guard let member = self[key] else { return nil }
    return try FieldReader(member, path: name(key))
  }

  /// Token ids: integers that fit 32 bits.
  func tokens(_ elements: [JSONValue], _ key: String) throws(APIError) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      guard let integer = element.int, let id = Int32(exactly: integer), id >= 0 else {
        let found =
          element.int.map(String.init) ?? (Self.isBeyondIntegers(element) ? "an integer out of range" : element.kind)
        throw .invalid(
          "\(name(key))[\(index)]", "\(name(key))[\(index)] must be a token id, not \(found).", code: "invalid_value")
      }
      ids.append(id)
    }
    return ids
  }
}
