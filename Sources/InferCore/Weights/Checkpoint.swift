package import Foundation
package import InferText

/// All tensors of a checkpoint: one safetensors file, the shards that an index names, or a GGUF file.
package struct Checkpoint: Sendable {
  /// Tensors by name.
  package let tensors: TextDictionary<Tensor>

  /// Opens `folder`'s `model.safetensors`, or the shards named by its `model.safetensors.index.json`.
  ///
  /// Files are mapped and not read. O(number of tensors).
  ///
  /// - Throws: ``ModelError`` when there is neither, or when a file or tensor is malformed.
  package init(folder: URL) throws(ModelError) {
    let index = folder.appending(path: "model.safetensors.index.json")
    if FileManager.default.fileExists(atPath: index.path) {
      try self.init(index: index, folder: folder)
    } else {
      let file = try MappedFile(at: folder.appending(path: "model.safetensors"))
      try self.init(files: [file])
    }
  }

  /// The number of files that hold the tensors.
  package var fileCount: Int { Set(tensors.values.map(\.place.file)).count }

  /// A checkpoint of the given tensors.
  package init(_ tensors: TextDictionary<Tensor>) { self.tensors = tensors }

  /// Opens safetensors files that together make up a checkpoint.
  package init(files: [MappedFile]) throws(ModelError) {
    var tensors: TextDictionary<Tensor> = [:]
    for file in files {
      for tensor in try Safetensors.tensors(in: file) {
        if let other = tensors.updateValue(tensor, forKey: tensor.name) {
          let first = other.place.file?.displayPath ?? ""
          throw .tensor(name: tensor.name, reason: "is in \(first) and in \(file.url.displayPath)")
        }
      }
    }
    self = try Checkpoint(tensors).joiningMicroscaled()
  }

  private init(index: URL, folder: URL) throws(ModelError) {
    let json = try JSONValue(file: index)
    guard let map = json["weight_map"]?.object else {
      throw .malformed(at: index, reason: "weight_map is missing, expected an object of tensor to file name")
    }
    var shards: Set<ExactText> = []
    for (name, shard) in map {
      guard let shard = shard.string, !shard.isEmpty, !shard.utf8.contains(UInt8(ascii: "/")), shard != ".." else {
        throw .tensor(name: name, reason: "weight_map names \(shard.serialized()), expected a file beside the index")
      }
      shards.insert(shard)
    }
    var files: [MappedFile] = []
    for shard in shards.map(\.string).sorted() {
      files.append(try MappedFile(at: folder.appending(path: shard)))
    }
    try self.init(files: files)
    // Of what is stored in two tensors, both are in the map.
    let stored = Set(tensors.values.flatMap(\.storedNames).map { ExactText($0) })
    for (name, shard) in map where !stored.contains(ExactText(name)) {
      throw .tensor(name: name, reason: "weight_map says it is in \(shard.string ?? ""), which does not hold it")
    }
  }
}

extension JSONValue {
  /// Reads a JSON file of a model folder. Bare `Infinity` and `NaN` are accepted, as Python writes them.
  ///
  /// - Throws: ``ModelError`` when it cannot be read or parsed.
  package init(file url: URL) throws(ModelError) {
    let file = try MappedFile(at: url)
    do {
      self = try JSONValue(parsing: file.copyBytes(0..<file.byteCount), options: .configuration)
    } catch {
      throw .malformed(at: url, reason: "\(error)")
    }
  }
}
