/// A hash of a model's configuration and weights, by which state that was kept elsewhere is known to be this model's.
///
/// Of a tensor's numbers a sample is hashed, so that it takes no longer to find than the model's tensors to list.
public struct ModelFingerprint: Sendable, Hashable {
  /// 32 bytes (SHA-256).
  package let bytes: [UInt8]

  /// The fingerprint of a model that a text describes completely.
  public init(_ description: String) { bytes = SHA256.hash(data: Array(description.utf8)) }

  /// The fingerprint of a model that is made of tensors as a configuration says.
  ///
  /// - Parameters:
  ///   - configuration: The text of the configuration.
  ///   - tensors: The tensors in the formats that they are computed with.
  /// - Complexity: O(tensors).
  package init(configuration: String, tensors: [LoadedTensor]) {
    var hash = SHA256()
    hash.add(configuration)
    for loaded in tensors.sorted(by: { $0.tensor.name < $1.tensor.name }) {
      let tensor = loaded.tensor
      hash.add("\(tensor.name) \(tensor.type) \(tensor.shape) \(tensor.byteCount) \(loaded.format.name)")
      tensor.sample { hash.update(data: $0) }
    }
    bytes = hash.finalize()
  }
}

extension SHA256 {
  /// Adds a text and its length, so that no two lists of texts are hashed alike.
  fileprivate mutating func add(_ text: String) {
    update(data: Array("\(text.utf8.count):".utf8))
    update(data: Array(text.utf8))
  }
}

extension Tensor {
  private static let sampleCount = 8
  private static let sampleBytes = 128

  /// Reads some of the bytes, all of a small tensor: of those that it is computed from, where it is.
  fileprivate func sample(_ body: ([UInt8]) -> Void) {
    switch source {
    case .derived(let derivation): for part in derivation.parts { part.sample(body) }
    case .file(let file, let offset):
      guard byteCount > Self.sampleCount * Self.sampleBytes else {
        return body(file.copyBytes(offset..<offset + byteCount))
      }
      for index in 0..<Self.sampleCount {
        let first = offset + (byteCount - Self.sampleBytes) * index / (Self.sampleCount - 1)
        body(file.copyBytes(first..<first + Self.sampleBytes))
      }
    }
  }
}
