public import Foundation
public import InferCore

/// Files that tests compare with, in `Tests/Fixtures`.
public enum Fixtures {
  /// The folder of all fixtures.
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// The numbers of a tensor file, by name.
  public static func tensors(_ file: URL) throws -> TextDictionary<Tensor> {
    let mapped = try MappedFile(path: file.path)
    return TextDictionary(uniqueKeysWithValues: try Safetensors.tensors(in: mapped).map { ($0.name, $0) })
  }
}
