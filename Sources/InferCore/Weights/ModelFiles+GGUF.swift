package import InferText

extension ModelFiles {
  /// The prefix of a file's name in the metadata of a GGUF file that carries it.
  package static let metadataPrefix = "infer_serve."

  /// The files that a GGUF file carries, by name.
  package static func embedded(in file: GGUF) -> [String: String] {
    var texts: [String: String] = [:]
    for name in names { texts[name] = file.metadata[metadataPrefix + name]?.string }
    for (key, value) in file.metadata {
      guard let name = key.removing(exactPrefix: metadataPrefix), name.hasExactPrefix(ChatTemplate.folder + "/") else {
        continue
      }
      texts[name] = value.string
    }
    return texts
  }
}
