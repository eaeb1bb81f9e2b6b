package import Foundation

/// The small files beside a model's weights — configuration, tokenizer, chat template: those of a folder, or those that a
/// GGUF file carries or describes.
package enum ModelFiles: Sendable {
  /// Files in a folder.
  case folder(URL)
  /// Texts by file name, out of a file. A vocabulary stands for `tokenizer.json` where there is none.
  case embedded([String: String], vocabulary: TokenList? = nil, in: URL)

  /// Names of the files that make up a model.
  package static let names = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "modules.json", "1_Pooling/config.json", "1_LogitScore/config.json",
  ]

  /// The vocabulary of a file that carries one.
  package var vocabulary: TokenList? {
    if case .embedded(_, let vocabulary, _) = self { vocabulary } else { nil }
  }

  /// The folder or file that holds them.
  package var url: URL {
    switch self {
    // Without a slash at the end.
    case .folder(let folder): URL(filePath: folder.path)
    case .embedded(_, _, let file): file
    }
  }

  /// The place of a file, whether it is there or not.
  package func url(of name: String) -> URL {
    switch self {
    case .folder(let folder): folder.appending(path: name)
    case .embedded(_, _, let file): file.part(name)
    }
  }

  /// Whether there is a file of this name.
  package func has(_ name: String) -> Bool {
    switch self {
    case .folder(let folder): FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    case .embedded(let texts, _, _): texts[name] != nil
    }
  }

  /// The names, without `ending`, of the files of a folder that end so, ascending.
  func names(in folder: String, endingWith ending: String) -> [String] {
    let names: [String]
    switch self {
    case .folder(let url):
      names = (try? FileManager.default.contentsOfDirectory(atPath: url.appending(path: folder).path)) ?? []
    case .embedded(let texts, _, _): names = texts.keys.compactMap { $0.removing(exactPrefix: folder + "/") }
    }
    return names.compactMap { $0.removing(exactSuffix: ending) }.filter { !$0.isEmpty }.sorted()
  }

  /// The names of all files that make up a model, whether they are there or not, and those of its further chat templates.
  package var allNames: [String] {
    Self.names + names(in: ChatTemplate.folder, endingWith: ChatTemplate.fileEnding).map(ChatTemplate.file)
  }

  /// The bytes of a file, or `nil` where there is none.
  ///
  /// - Throws: `ModelFileError.unreadable(at:reason:)`.
  package func bytes(_ name: String) throws(ModelFileError) -> [UInt8]? {
    guard has(name) else { return nil }
    switch self {
    case .embedded(let texts, _, _): return texts[name].map { Array($0.utf8) }
    case .folder(let folder):
      let file = folder.appending(path: name)
      do { return Array(try Data(contentsOf: file)) } catch {
        throw .unreadable(at: file, reason: error.localizedDescription)
      }
    }
  }

  /// The text of a file, or `nil` where there is none.
  ///
  /// - Throws: `ModelFileError` when it cannot be read or is no UTF-8 text.
  package func text(_ name: String) throws(ModelFileError) -> String? {
    guard let bytes = try bytes(name) else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformed(at: url(of: name), reason: "is no UTF-8 text")
    }
    return text
  }

  /// A JSON file, or `nil` where there is none. Bare `Infinity` and `NaN` are accepted, as Python writes them.
  ///
  /// - Throws: `ModelFileError` when it cannot be read or parsed.
  package func json(_ name: String) throws(ModelFileError) -> JSONValue? {
    guard let bytes = try bytes(name) else { return nil }
    do { return try JSONValue(parsing: bytes, options: .configuration) } catch {
      throw .malformed(at: url(of: name), reason: "\(error)")
    }
  }
}
