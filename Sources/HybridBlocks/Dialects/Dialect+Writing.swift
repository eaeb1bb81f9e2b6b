internal import Foundation
internal import InferCore
internal import InferText

/// The metadata and tensors of a model as a file of llama.cpp's.
struct DialectFile: Sendable {
  /// `general.architecture`.
  let architecture: String
  /// The configuration that families read of it, with which its tensors are what they were.
  let config: JSONValue
  /// Metadata behind the architecture's prefix.
  let metadata: [(key: String, value: GGUFValue)]
  let tensors: [FileTensor]

  /// A model as such a file, or why there is none of it.
  enum Outcome: Sendable {
    case file(DialectFile)
    /// Why not, for people.
    case obstacle(String)
  }

  /// - Parameters:
  ///   - family: the model's.
  ///   - config: its configuration.
  ///   - tensors: all that it is made of.
  /// - Throws: `ModelError` when a tensor has no shape that its name promises.
  static func outcome(
    of family: any ModelFamily, config: JSONValue, _ tensors: [LoadedTensor]
  ) throws(ModelError) -> Outcome {
    guard let dialect = Dialects.dialect(writing: family) else {
      let name = config["model_type"]?.string ?? "like it"
      let isRead = Dialects.all.contains { $0.family == type(of: family) }
      return .obstacle(
        isRead ? "llama.cpp's files of \(name) are read and not written" : "llama.cpp has no architecture \(name)")
    }
    return try dialect.outcome(of: family, config: config, tensors)
  }
}

extension Dialect {
  /// See ``DialectFile/outcome(of:config:_:)``.
  fileprivate static func outcome(
    of family: any ModelFamily, config: JSONValue, _ tensors: [LoadedTensor]
  ) throws(ModelError) -> DialectFile.Outcome {
    guard let family = family as? Family, let architecture = architecture(of: family) else {
      return .obstacle("llama.cpp has no such architecture")
    }
    if let obstacle = obstacle(family) { return .obstacle("llama.cpp's \(architecture) has no \(obstacle)") }
    var metadata = DialectMetadata(architecture: architecture)
    metadata["block_count"] = .count(family.layerCount)
    metadata["vocab_size"] = .count(family.frame.vocabularySize)
    for field in fields { metadata[field.key] = field.value(family) }
    describe(family, in: &metadata)
    let (laidOut, left) = try layout(family, tensors)
    if let left { return .obstacle("llama.cpp's \(architecture) has no place for the tensor \(left)") }
    let config = restated(config)
    let file = DialectFile(
      architecture: architecture, config: config, metadata: metadata.entries, tensors: metadata.tensors + laidOut)
    if let difference = try difference(of: file) {
      return .obstacle("llama.cpp's \(architecture) cannot say \(difference)")
    }
    return .file(file)
  }

  /// The file's tensors, and the name of one that has no place among them.
  private static func layout(
    _ family: Family, _ tensors: [LoadedTensor]
  ) throws(ModelError) -> (tensors: [FileTensor], left: String?) {
    var left = Dictionary(uniqueKeysWithValues: tensors.map { (ExactText($0.tensor.name), $0) })
    var result: [FileTensor] = []
    for rule in rules(family).expanded(layers: family.layerCount) {
      for names in rule.sourceNames where !names.isEmpty {
        let sources = names.compactMap { left[ExactText($0)] }
        guard sources.count == names.count else { continue }
        let written = try rule.write(sources.map(\.tensor))
        // Each of several is made of one of several, or all of the same.
        let isOneToOne = written.count == sources.count
        if !isOneToOne, let other = sources.first(where: { $0.format != sources[0].format }) {
          return ([], "\(other.tensor.name), whose format is another than that of \(sources[0].tensor.name)")
        }
        for (index, var tensor) in written.enumerated() {
          let source = isOneToOne ? sources[index] : sources[0]
          tensor.format = source.role == .stored ? tensor.parts[0].format ?? source.format : source.format
          tensor.sourceBytes = index == 0 ? sources.reduce(0) { $0 + $1.tensor.byteCount } : 0
          result.append(tensor)
        }
        for name in names { left[ExactText(name)] = nil }
        break
      }
    }
    return (result, left.keys.map(\.string).min())
  }

  /// The first difference between the model and the one that is read from the metadata alone, as llama.cpp does.
  private static func difference(of file: DialectFile) throws(ModelError) -> String? {
    let description = GGUFDescription(
      at: URL(string: file.architecture) ?? Configuration.unwritten, architecture: file.architecture,
      metadata: TextDictionary(uniqueKeysWithValues: file.metadata.map { ($0.key, $0.value) }),
      tensors: TextDictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.outline) }))
    let meant = try Families.family(for: ConfigReader(file.config))
    let told: any ModelFamily
    do { told = try Families.family(for: ConfigReader(configuration(description))) } catch {
      return "what its configuration does: \(error)"
    }
    return Difference.first(meant, told).map { "that \($0.path) is \($0.first); it would be \($0.second)" }
  }
}

extension FileTensor {
  /// A tensor of its name and shape; of its numbers as well where it is one small part.
  fileprivate var outline: Tensor {
    let isWhole = parts.count == 1 && shape.count == 1
    return isWhole
      ? parts[0].renamed(name, shape: shape) : .computed([], name: name, shape: shape) { _ in [] }
  }
}
