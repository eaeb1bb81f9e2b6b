public import Foundation
package import InferCore
package import InferText

/// Files that tests compare with, in `Tests/Fixtures`.
public enum Fixtures {
  /// The folder of all fixtures.
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// The folder of the bundled model.
  public static let tinyModel = folder.deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Models/tiny")

  /// The folders of small tokenizers of every kind, each with texts and their tokens in `cases.json`.
  public static let tokenizers = [
    "tiny", "prefix_space", "sentence_piece", "unknown", "splits", "unigram", "unigram_bytes", "classes", "spelled",
    "sp_bpe", "sp_unigram", "hy.tiktoken", "tiktoken.model", "rwkv_world",
  ].map { folder.appending(path: "text/tokenizers/\($0)") }

  /// The numbers of a tensor file, by name.
  package static func tensors(_ file: URL) throws -> TextDictionary<Tensor> {
    let mapped = try MappedFile(at: file)
    return TextDictionary(uniqueKeysWithValues: try Safetensors.tensors(in: mapped).map { ($0.name, $0) })
  }
}
