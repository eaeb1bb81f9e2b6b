import OrderedCollections

/// Values by text in the order of insertion. Texts are compared by their bytes (see ``ExactText``).
///
/// The members that make and change JSON objects are specialized for them: other modules would look up the types of generic
/// code with each call, which was a fifth of the time to write an event.
public struct TextDictionary<Value> {
  private var storage: OrderedDictionary<ExactText, Value> = [:]

  /// Nothing.
  @specialized(where Value == JSONValue)
  public init() {}

  /// Nothing yet, with room for so many.
  @specialized(where Value == JSONValue)
  public init(minimumCapacity: Int) { storage = OrderedDictionary(minimumCapacity: minimumCapacity) }

  /// Pairs whose keys all differ.
  public init(uniqueKeysWithValues pairs: some Sequence<(String, Value)>) {
    storage = OrderedDictionary(uniqueKeysWithValues: pairs.lazy.map { (ExactText($0.0), $0.1) })
  }

  /// Pairs, of which those of the same key become one.
  public init<Failure: Error>(
    _ pairs: some Sequence<(String, Value)>, uniquingKeysWith combine: (Value, Value) throws(Failure) -> Value
  ) throws(Failure) {
    for (key, value) in pairs { try merge(value, forKey: key, combine) }
  }

  /// The members of a dictionary, in no particular order. Keys that are canonically equivalent were one there already.
  public init(_ dictionary: [String: Value]) {
    self.init(uniqueKeysWithValues: dictionary.map { ($0.key, $0.value) })
  }

  /// The value of that key. Setting nil removes it.
  public subscript(key: String) -> Value? {
    @specialized(where Value == JSONValue) get { storage[ExactText(key)] }
    @specialized(where Value == JSONValue) set { storage[ExactText(key)] = newValue }
    _modify { yield &storage[ExactText(key)] }
  }

  /// The value of that key, or a fallback, which is put there before it is changed.
  public subscript(key: String, default fallback: @autoclosure () -> Value) -> Value {
    get { storage[ExactText(key), default: fallback()] }
    _modify { yield &storage[ExactText(key), default: fallback()] }
  }

  /// The keys in order.
  public var keys: [String] { storage.keys.map(\.string) }

  /// The values in order.
  public var values: [Value] { Array(storage.values) }

  /// Whether there is a value of that key.
  public func contains(key: String) -> Bool { storage.index(forKey: ExactText(key)) != nil }

  /// Sets a value and returns the one it replaces, whose place it takes.
  @discardableResult
  @specialized(where Value == JSONValue)
  public mutating func updateValue(_ value: Value, forKey key: String) -> Value? {
    storage.updateValue(value, forKey: ExactText(key))
  }

  /// Sets a value, which goes to that place when its key is new.
  public mutating func updateValue(_ value: Value, forKey key: String, insertingAt index: Int) {
    _ = storage.updateValue(value, forKey: ExactText(key), insertingAt: index)
  }

  /// Removes a value and returns it.
  /// - Complexity: O(n).
  @discardableResult
  public mutating func removeValue(forKey key: String) -> Value? { storage.removeValue(forKey: ExactText(key)) }

  /// Takes the pairs of another, whose values replace those of the same keys.
  @specialized(where Value == JSONValue)
  public mutating func merge(_ other: TextDictionary) {
    for (key, value) in other.storage { storage[key] = value }
  }

  /// Takes the pairs of another; where both have a key, `combine` makes one value of the old and the new one.
  public mutating func merge<Failure: Error>(
    _ other: TextDictionary, uniquingKeysWith combine: (Value, Value) throws(Failure) -> Value
  ) throws(Failure) {
    for (key, value) in other { try merge(value, forKey: key, combine) }
  }

  /// These pairs and those of another, as ``merge(_:uniquingKeysWith:)`` takes them.
  public func merging<Failure: Error>(
    _ other: TextDictionary, uniquingKeysWith combine: (Value, Value) throws(Failure) -> Value
  ) throws(Failure) -> TextDictionary {
    var merged = self
    try merged.merge(other, uniquingKeysWith: combine)
    return merged
  }

  private mutating func merge<Failure: Error>(
    _ value: Value, forKey key: String, _ combine: (Value, Value) throws(Failure) -> Value
  ) throws(Failure) {
    let key = ExactText(key)
    storage[key] = try storage[key].map { (old) throws(Failure) in try combine(old, value) } ?? value
  }

  /// The same keys with other values.
  public func mapValues<Result, Failure: Error>(
    _ transform: (Value) throws(Failure) -> Result
  ) throws(Failure) -> TextDictionary<Result> {
    var result = TextDictionary<Result>(minimumCapacity: count)
    for (key, value) in self { result[key] = try transform(value) }
    return result
  }
}

extension TextDictionary: RandomAccessCollection {
  /// A key with its value.
  public typealias Element = (key: String, value: Value)

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of pairs.
  public var endIndex: Int { storage.count }

  /// The pair at a place in the order of insertion.
  public subscript(position: Int) -> Element {
    let pair = storage.elements[position]
    return (pair.key.string, pair.value)
  }
}

extension TextDictionary: Sendable where Value: Sendable {}

extension TextDictionary: Equatable where Value: Equatable {}

extension TextDictionary: ExpressibleByDictionaryLiteral {
  /// Pairs; of those with the same key, the last counts.
  @specialized(where Value == JSONValue)
  public init(dictionaryLiteral elements: (String, Value)...) {
    self.init(minimumCapacity: elements.count)
    for (key, value) in elements { updateValue(value, forKey: key) }
  }
}
