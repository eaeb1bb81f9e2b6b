internal import Foundation
public import InferCore
internal import InferText

/// Reads a model's configuration: every value is checked as it is read, under whichever of its spellings the file has,
/// and remembered, so that a key nobody read can be reported. Errors name the file and the key that is in it.
///
/// Two spellings are on disk in the world: that of transformers 5 (`rope_parameters`, `layers_block_type`,
/// `{"__float__": "Infinity"}`) and that of older hub files (`rope_theta`, `hybrid_override_pattern`, bare
/// `Infinity`). Functions that take several keys use the first that is there and not null.
public struct ConfigReader: Sendable {
  private let json: JSONValue
  private let path: String
  private let configuration: Configuration
  private let read: Names

  private final class Names: Sendable {
    let names = Monitor<Set<ExactText>>([])
    /// The members of `names` that are read with all they hold.
    let whole = Monitor<Set<ExactText>>([])
    /// For keys that the file does not have, the key that it has in their place.
    let spellings = Monitor<TextDictionary<String>>([:])
  }

  /// Largest size of any dimension: larger values are mistakes, and products of three stay within 64 bits.
  static let largestSize = 1 << 20

  /// A reader of a whole configuration.
  init(_ configuration: Configuration) {
    self.init(configuration, json: configuration.values, path: "", read: Names())
  }

  /// A reader of a JSON file, or of what could be one.
  ///
  /// - Throws: `ModelError` when `json` is no object.
  init(_ json: JSONValue, file: URL = Configuration.unwritten) throws(ModelError) {
    self.init(try Configuration(json, file: file))
  }

  private init(_ configuration: Configuration, json: JSONValue, path: String, read: Names) {
    self.configuration = configuration
    self.json = json
    self.path = path
    self.read = read
  }

  /// Keys that nobody has read, as the file names them, in the file's order; keys of nested objects as `outer.inner`. A
  /// key whose value is null says nothing and is not among them.
  var unread: [String] {
    let seen = read.names.withLock { $0 }
    let whole = read.whole.withLock { $0 }
    guard let members = json.object else { return [] }
    let paths = members.flatMap { (key, value) -> [String] in
      guard seen.contains(key) else { return value.isNull ? [] : [key] }
      if whole.contains(key) { return [] }
      // An object counts as read when any of its own keys was.
      guard let inner = value.object, inner.keys.contains(where: { seen.contains("\(key).\($0)") }) else { return [] }
      return inner.filter { !seen.contains("\(key).\($0.key)") && !$0.value.isNull }.map { "\(key).\($0.key)" }
    }
    return paths.map { configuration.origin(of: $0)?.name ?? $0 }
  }

  /// Marks keys as known and without effect, with all they hold.
  public func ignore(_ keys: [String]) {
    read.names.withLock { $0.formUnion(keys.map { ExactText(path + $0) }) }
    read.whole.withLock { $0.formUnion(keys.map { ExactText(path + $0) }) }
  }

  /// Has errors about a value that the file does not have name the key that it follows from.
  public func derive(_ key: String, from other: String) {
    read.spellings.withLock { $0[path + key] = other }
  }

  /// Whether a key is there and not null.
  public func has(_ key: String) -> Bool { value([key]) != nil }

  /// Whether the file says null, and not nothing.
  func isNull(_ key: String) -> Bool {
    guard json[key]?.isNull == true else { return false }
    ignore([key])
    return true
  }

  /// A nested object, or `nil` where there is none.
  public func object(_ key: String) throws(ModelError) -> ConfigReader? {
    guard let (name, value) = value([key]) else { return nil }
    guard value.object != nil else { throw wrong(name, value, "an object") }
    return ConfigReader(configuration, json: value, path: path + name + ".", read: read)
  }

  /// The first of the objects that this one holds, or `nil` where there are none.
  func firstObject() throws(ModelError) -> ConfigReader? {
    guard let name = json.object?.keys.first else { return nil }
    return try object(name)
  }

  /// A size: an integer from 1 to 1,048,576.
  public func size(_ keys: String..., default fallback: Int? = nil) throws(ModelError) -> Int {
    try integer(keys, in: 1...Self.largestSize, default: fallback)
  }

  /// A count that may be zero.
  public func count(_ keys: String..., default fallback: Int? = nil) throws(ModelError) -> Int {
    try integer(keys, in: 0...Self.largestSize, default: fallback)
  }

  /// A whole number that is not negative, such as the seed of others.
  func whole(_ key: String, default fallback: Int? = nil) throws(ModelError) -> Int {
    try integer([key], in: 0...(1 << 53), default: fallback)
  }

  /// A number of tokens: up to 2^31.
  public func length(_ keys: String..., default fallback: Int? = nil) throws(ModelError) -> Int {
    try integer(keys, in: 1...(1 << 31), default: fallback)
  }

  /// A number of tokens, or `nil` where the file says null, or where it says nothing and there is no `fallback`.
  public func optionalLength(_ key: String, default fallback: Int?) throws(ModelError) -> Int? {
    if has(key) { return try length(key) }
    return json[key] == nil ? fallback : nil
  }

  /// The limits of a range, of which the upper may be infinite, or `nil` where there are none.
  public func limits(_ key: String) throws(ModelError) -> ClosedRange<Double>? {
    guard let (name, value) = value([key]) else { return nil }
    let infinity: JSONValue = "Infinity"
    let list = value.array ?? []
    let limits = list.compactMap { $0["__float__"] == infinity ? .infinity : $0.double }
    guard list.count == 2, limits.count == 2, limits[0] <= limits[1] else {
      throw wrong(name, value, "two numbers, the second no less than the first")
    }
    return limits[0]...limits[1]
  }

  /// A finite number.
  public func number(_ keys: String..., default fallback: Float? = nil) throws(ModelError) -> Float {
    guard let (name, value) = value(keys) else { return try given(fallback, keys) }
    guard let number = value.double.map({ Float($0) }), number.isFinite else {
      throw wrong(name, value, "a finite number")
    }
    return number
  }

  /// A number above zero, in double precision, but within the range of single precision.
  public func positive(_ keys: String..., default fallback: Double? = nil) throws(ModelError) -> Double {
    guard let (name, value) = value(keys) else { return try given(fallback, keys) }
    guard let number = value.double, Float(number).isFinite, Float(number) > 0 else {
      throw wrong(name, value, "a number above 0")
    }
    return number
  }

  /// A list of numbers above zero.
  public func positives(_ key: String) throws(ModelError) -> [Double] {
    guard let (name, value) = value([key]) else { return try given(nil, [key]) }
    guard let array = value.array else { throw wrong(name, value, "a list of numbers above 0") }
    var numbers: [Double] = []
    for element in array {
      guard let number = element.double, number > 0, number.isFinite else {
        throw wrong(name, element, "a list of numbers above 0")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// A list of finite numbers, or `nil` where there is none.
  public func numbers(_ key: String) throws(ModelError) -> [Double]? {
    guard let (name, value) = value([key]) else { return nil }
    let list = value.array ?? []
    let numbers = list.compactMap(\.double).filter(\.isFinite)
    guard value.array != nil, numbers.count == list.count else { throw wrong(name, value, "a list of numbers") }
    return numbers
  }

  /// A truth value.
  public func flag(_ keys: String..., default fallback: Bool? = nil) throws(ModelError) -> Bool {
    guard let (name, value) = value(keys) else { return try given(fallback, keys) }
    guard let flag = value.bool else { throw wrong(name, value, "true or false") }
    return flag
  }

  /// A string.
  public func string(_ keys: String..., default fallback: String? = nil) throws(ModelError) -> String {
    guard let (name, value) = value(keys) else { return try given(fallback, keys) }
    guard let string = value.string else { throw wrong(name, value, "a string") }
    return string
  }

  /// A list of strings, or `nil` where there is none.
  public func strings(_ key: String) throws(ModelError) -> [String]? {
    guard let (name, value) = value([key]) else { return nil }
    guard let array = value.array else { throw wrong(name, value, "a list of strings") }
    var strings: [String] = []
    for element in array {
      guard let string = element.string else { throw wrong(name, element, "a list of strings") }
      strings.append(string)
    }
    return strings
  }

  /// One size a layer: on disk a list of `layers` sizes, or one size for all.
  public func sizes(_ keys: String..., layers: Int, default fallback: Int? = nil) throws(ModelError) -> [Int] {
    guard let (name, value) = value(keys) else {
      return Array(repeating: try given(fallback, keys), count: layers)
    }
    let range = 0...Self.largestSize
    if let one = value.int, range.contains(one) { return Array(repeating: one, count: layers) }
    guard let list = value.array, list.count == layers else { throw wrong(name, value, "a size, or \(layers) of them") }
    var sizes: [Int] = []
    for element in list {
      guard let size = element.int, range.contains(size) else { throw wrong(name, element, "a size") }
      sizes.append(size)
    }
    return sizes
  }

  /// A list of numbers not below zero, in which null counts as 0, or `nil` where there is none.
  func amounts(_ key: String) throws(ModelError) -> [Float]? {
    guard let (name, value) = value([key]) else { return nil }
    guard let list = value.array else { throw wrong(name, value, "a list of numbers") }
    var amounts: [Float] = []
    for element in list {
      let amount = element.isNull ? 0 : element.double.map { Float($0) }
      guard let amount, amount.isFinite, amount >= 0 else { throw wrong(name, element, "a number of 0 or more") }
      amounts.append(amount)
    }
    return amounts
  }

  /// Whether a value is a list.
  func isList(_ key: String) -> Bool { value([key])?.value.array != nil }

  /// A set of indices, empty where there is none.
  public func indices(_ key: String) throws(ModelError) -> Set<Int> {
    guard let (name, value) = value([key]) else { return [] }
    guard let list = value.array else { throw wrong(name, value, "a list of indices") }
    var indices: Set<Int> = []
    for element in list {
      guard let index = element.int, index >= 0 else { throw wrong(name, element, "a list of indices") }
      indices.insert(index)
    }
    return indices
  }

  /// Demands the only value that this engine implements.
  public func expect<Value: Equatable & Sendable>(
    _ key: String, _ actual: Value, is expected: Value
  ) throws(ModelError) {
    try require(actual == expected, key, "\(actual) is not supported, expected \(expected)")
  }

  /// Throws unless a relation between values holds.
  public func require(_ condition: Bool, _ key: String, _ reason: @autoclosure () -> String) throws(ModelError) {
    guard condition else { throw wrong([key], reason()) }
  }

  /// Throws unless a relation between the members of this nested object holds.
  public func require(_ condition: Bool, _ reason: @autoclosure () -> String) throws(ModelError) {
    guard condition else { throw wrong(at: String(path.dropLast()), reason()) }
  }

  /// An error about a key, or about several that mean the same and are all missing.
  public func wrong(_ keys: String..., because reason: String) -> ModelError { wrong(keys, reason) }

  // MARK: -

  private func value(_ keys: [String]) -> (key: String, value: JSONValue)? {
    for key in keys {
      guard let value = json[key] else { continue }
      _ = read.names.withLock { $0.insert(path + key) }
      guard !value.isNull else { continue }
      if keys.count > 1 {
        read.spellings.withLock { spellings in
          for other in keys where json[other] == nil { spellings[path + other] = key }
        }
      }
      return (key, value)
    }
    return nil
  }

  private func integer(
    _ keys: [String], in range: ClosedRange<Int>, default fallback: Int?
  ) throws(ModelError) -> Int {
    guard let (name, value) = value(keys) else { return try given(fallback, keys) }
    guard let integer = value.int, range.contains(integer) else {
      throw wrong(name, value, "an integer in \(range.lowerBound)…\(range.upperBound)")
    }
    return integer
  }

  private func given<Value>(_ fallback: Value?, _ keys: [String]) throws(ModelError) -> Value {
    guard let fallback else { throw wrong(keys, "is missing") }
    return fallback
  }

  private func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> ModelError {
    let verb = configuration.origin(of: path + key)?.isComputed == true ? "gives" : "is"
    return wrong(at: path + key, "\(verb) \(value.serialized().prefix(80)), expected \(expected)")
  }

  private func wrong(_ keys: [String], _ reason: String) -> ModelError {
    // A file of another kind has one name for what has several spellings.
    if let path = keys.lazy.map({ path + $0 }).first(where: { configuration.origin(of: $0) != nil }) {
      return wrong(at: path, reason)
    }
    let spelled = keys.count == 1 && json[keys[0]] == nil ? read.spellings.withLock { $0[path + keys[0]] } : nil
    return wrong(at: path + (spelled ?? keys.joined(separator: " or ")), reason)
  }

  private func wrong(at path: String, _ reason: String) -> ModelError {
    .configuration(at: configuration.file, key: configuration.origin(of: path)?.name ?? path, reason: reason)
  }
}
