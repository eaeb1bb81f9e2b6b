public import Foundation
package import InferCore

/// A low-rank adapter (LoRA) in files: a folder as peft saves it, with `adapter_config.json` and
/// `adapter_model.safetensors`, or a GGUF file as llama.cpp's converter writes it.
public struct Adapter: Sendable, Hashable {
  /// The folder or the file.
  public var url: URL
  /// The name that requests choose it by.
  public var name: String
  /// A factor of what the adapter adds, beside its own.
  public var scale: Double

  /// The adapter at a place.
  ///
  /// - Parameters:
  ///   - url: The folder or the file.
  ///   - name: The name that requests choose it by; by default that of the folder, or of the file without its
  ///     extension.
  ///   - scale: A factor of what the adapter adds, beside its own.
  public init(at url: URL, name: String? = nil, scale: Double = 1) {
    self.url = url
    self.name = name ?? ModelSource.name(of: url)
    self.scale = scale
  }

  /// Opens its files.
  ///
  /// - Throws: `ModelError` when there are none, or when they are malformed or of a kind that is not supported.
  func files() throws(ModelError) -> any AdapterFiles {
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
    guard url.isFileURL, let values else {
      throw .unreadable(
        at: url,
        reason: "no such folder or file; expected an adapter: a folder with adapter_config.json, or a GGUF file")
    }
    if values.isDirectory == true { return try PeftAdapter(url) }
    return try GGUFAdapter(url)
  }

  /// Looks for its files, without reading matrices.
  ///
  /// - Throws: `ModelError` when there are none, or when they are malformed or of a kind that is not supported.
  package func checkFiles() throws(ModelError) { _ = try files() }

  /// The bytes of the file that its matrices are in; 0 where there is none.
  package var fileBytes: Int {
    let places = [url.appending(path: PeftAdapter.tensorsName), url].map { $0.resolvingSymlinksInPath() }
    let sizes = places.compactMap { try? $0.resourceValues(forKeys: [.fileSizeKey, .isRegularFileKey]) }
    return sizes.first { $0.isRegularFile == true }?.fileSize ?? 0
  }
}
