internal import Foundation
internal import InferCore
internal import InferText

/// The description of a model in a GGUF file of llama.cpp's: metadata under the prefix of its architecture, and tensors.
/// Every value is checked as it is read, and errors name its key.
struct GGUFDescription: Sendable {
  /// The file, for messages.
  let url: URL
  /// `general.architecture`.
  let architecture: String
  let metadata: TextDictionary<GGUFValue>
  /// The tensors by name.
  var tensors: TextDictionary<Tensor>

  /// - Throws: `ModelError` when the file does not say what architecture it is of.
  init(_ file: GGUF) throws(ModelError) {
    url = file.url
    metadata = file.metadata
    tensors = try TextDictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) }).joiningScales()
    guard let value = metadata["general.architecture"] else {
      throw .configuration(at: url, key: "general.architecture", reason: "is missing, expected a string")
    }
    guard let name = value.string else {
      throw .configuration(at: url, key: "general.architecture", reason: "is \(value.kind), expected a string")
    }
    architecture = name
  }

  init(at url: URL, architecture: String, metadata: TextDictionary<GGUFValue>, tensors: TextDictionary<Tensor>) {
    self.url = url
    self.architecture = architecture
    self.metadata = metadata
    self.tensors = tensors
  }

  /// Whether the tensors have llama.cpp's names, rather than those that families read.
  var isForeign: Bool { tensors["token_embd.weight"] != nil }

  /// Sets a flag of a configuration to whether any layer has a tensor of this name, as `attn_q.bias`.
  func flag(_ key: String, hasInLayers suffix: String, into config: inout Configuration) {
    config.set(key, .bool(hasInLayers(suffix)), from: .tensor(suffix))
  }

  /// Whether any layer has a tensor of this name, as `attn_q.bias`.
  func hasInLayers(_ suffix: String) -> Bool {
    tensors.keys.contains { $0.hasExactPrefix("blk.") && $0.hasExactSuffix(".\(suffix)") }
  }

  /// The sizes of a tensor.
  ///
  /// - Throws: `ModelError` when there is none of that name, or when it has another number of sizes.
  func shape(of name: String, dimensions: Int) throws(ModelError) -> [Int] {
    guard let tensor = tensors[name] else { throw .tensor(name: name, reason: "is missing from \(url.displayPath)") }
    guard tensor.shape.count == dimensions else {
      throw .tensor(name: name, reason: "has shape \(tensor.shape), expected \(dimensions) sizes")
    }
    return tensor.shape
  }

  /// Whether the architecture's key is there.
  func has(_ key: String) -> Bool { value(key) != nil }

  /// A count.
  func count(_ key: String, default fallback: Int? = nil) throws(ModelError) -> Int {
    try required(key, fallback, "a count") { $0.count }
  }

  /// A finite number.
  func number(_ key: String, default fallback: Double? = nil) throws(ModelError) -> Double {
    let number = try required(key, fallback, "a number") { $0.double }
    guard number.isFinite else { throw wrong(key, "\(number)", "a finite number") }
    return number
  }

  /// A truth value.
  func flag(_ key: String, default fallback: Bool? = nil) throws(ModelError) -> Bool {
    try required(key, fallback, "a truth value") { $0.bool }
  }

  /// A text.
  func string(_ key: String, default fallback: String? = nil) throws(ModelError) -> String {
    try required(key, fallback, "a string") { $0.string }
  }

  /// One count a layer: on disk a list of them, or one for all.
  func counts(_ key: String, layers: Int, default fallback: Int? = nil) throws(ModelError) -> [Int] {
    guard let list = value(key)?.array else {
      return Array(repeating: try count(key, default: fallback), count: layers)
    }
    let counts = list.compactMap(\.count)
    guard counts.count == list.count, counts.count >= layers else {
      throw wrong(key, "a list of \(list.count) values", "\(layers) counts")
    }
    return Array(counts.prefix(layers))
  }

  /// One number a layer: on disk a list of them, or one for all; `nil` where there is no such key. Numbers may be infinite.
  func numbers(_ key: String, layers: Int) throws(ModelError) -> [Double]? {
    guard let value = value(key) else { return nil }
    guard let list = value.array else { return Array(repeating: try number(key), count: layers) }
    let numbers = list.compactMap(\.double).filter { !$0.isNaN }
    guard numbers.count == list.count, numbers.count >= layers else {
      throw wrong(key, "a list of \(list.count) values", "\(layers) numbers")
    }
    return Array(numbers.prefix(layers))
  }

  /// One truth value a layer, or `nil` where there is no such key. Some files have 0 and 1 in place of truth values.
  func flags(_ key: String, layers: Int) throws(ModelError) -> [Bool]? {
    guard let value = value(key) else { return nil }
    let list = value.array ?? []
    let flags = list.compactMap { value in value.bool ?? value.count.flatMap { $0 < 2 ? $0 == 1 : nil } }
    guard flags.count == list.count, flags.count >= layers else {
      throw wrong(key, value.kind, "\(layers) truth values")
    }
    return Array(flags.prefix(layers))
  }

  /// An error about a key.
  func wrong(_ key: String, _ found: String, _ expected: String) -> ModelError {
    .configuration(at: url, key: "\(architecture).\(key)", reason: "is \(found), expected \(expected)")
  }

  /// The value of the architecture's key.
  func value(_ key: String) -> GGUFValue? { metadata["\(architecture).\(key)"] }

  private func required<Value>(
    _ key: String, _ fallback: Value?, _ expected: String, _ read: (GGUFValue) -> Value?
  ) throws(ModelError) -> Value {
    guard let value = value(key) else {
      guard let fallback else { throw wrong(key, "missing", expected) }
      return fallback
    }
    guard let result = read(value) else { throw wrong(key, value.kind, expected) }
    return result
  }
}
