package import Foundation
package import InferCore
package import InferText

/// The place of a model: a folder as Hugging Face lays it out, or one GGUF file that carries everything.
package struct ModelSource: Sendable {
  /// The model's name: that of the folder, or that of the file without its extension.
  package let name: String
  /// Configuration, tokenizer and chat template.
  package let files: ModelFiles
  /// The GGUF file; `nil` for a folder.
  private let file: GGUFModel?

  /// Finds a model's folder, with `config.json` and `model.safetensors` or its shards, or a GGUF file, one of
  /// `infer-serve quantize`'s or of llama.cpp's.
  ///
  /// - Throws: `ModelError` when there is neither, or when the file is malformed.
  package init(_ place: URL) throws(ModelError) {
    guard place.isFileURL else {
      throw .unreadable(at: place, reason: "is not on this machine, expected a file's URL")
    }
    // The kind of a link is that of what it leads to; files beside a GGUF file are looked for where the link is.
    let url = place.resolvingSymlinksInPath()
    let values = try? url.resourceValues(forKeys: [.isDirectoryKey])
    name = Self.name(of: place)
    if values?.isDirectory == true {
      files = .folder(url)
      file = nil
      return
    }
    let expected = "expected a folder with config.json and model.safetensors, or a GGUF file"
    guard values != nil else { throw .unreadable(at: place, reason: "no such folder or file; \(expected)") }
    if let whole = Self.whole(ofPiece: place.lastPathComponent) {
      throw .unreadable(
        at: place,
        reason:
          "is a piece of a file that was cut; expected the whole, which `cat` makes of its pieces in their order: "
          + whole)
    }
    let mapped = try MappedFile(at: place)
    guard !GGUF.isOlder(mapped) else {
      throw .unreadable(at: place, reason: "is of a format before GGUF, of 2023, which is not supported; \(expected)")
    }
    guard GGUF.isOne(mapped) else { throw .unreadable(at: place, reason: "is a file of another kind; \(expected)") }
    let gguf = try GGUFModel(mapped)
    files = gguf.files
    file = gguf
  }

  /// The name of the file that a piece of bytes is of, as `model.gguf` of `model.gguf.part1of2` and `model.gguf-split-a`; `nil`
  /// for names of whole files, and of the parts that llama.cpp writes.
  private static func whole(ofPiece name: String) -> String? {
    guard let range = name.range(of: ".gguf", options: .backwards) else { return nil }
    let end = name[range.upperBound...].dropFirst()
    return ["part", "split"].contains { end.utf8.starts(with: $0.utf8) } ? String(name[..<range.upperBound]) : nil
  }

  /// The architecture that a GGUF file says it is of, its `general.architecture`; `nil` for other files.
  package var architecture: String? { file?.description.architecture }

  /// The metadata and tensors of a GGUF file; `nil` for a folder.
  var description: GGUFDescription? { file?.description }

  /// The number of tensors in a GGUF file, of which some may be stacks of what families read one by one; `nil` for other
  /// files.
  package var tensorCount: Int? { file?.tensorCount }

  /// Metadata of a GGUF file that describe its vocabulary.
  var vocabularyMetadata: [(key: String, value: GGUFValue)] { file?.vocabularyMetadata ?? [] }

  /// The tokens that end an answer, as the metadata of a GGUF file tell.
  var endTokens: [Int32] { file?.endTokens ?? [] }

  /// The configuration: `config.json`, or the translation of a GGUF file's metadata.
  ///
  /// - Throws: `ModelError` when there is none, or when it is malformed.
  func configuration() throws(ModelError) -> Configuration {
    if let file, let configuration = try file.configuration() { return configuration }
    let file = files.url(of: "config.json")
    guard let json = try files.document("config.json") else {
      throw .unreadable(at: file, reason: "there is no such file")
    }
    return try Configuration(json, file: file)
  }

  /// Opens all tensors; files are mapped, not read.
  ///
  /// - Throws: `ModelError` when there are none, or when a file or tensor is malformed.
  package func checkpoint() throws(ModelError) -> Checkpoint {
    if let file { return try file.checkpoint() }
    return try Checkpoint(folder: files.url)
  }

  /// The name of the model at a place, whether or not there is one.
  package static func name(of place: URL) -> String {
    let url = place.standardizedFileURL
    return (url.pathExtension.lowercased() == "gguf" ? url.deletingPathExtension() : url).lastPathComponent
  }
}
