public import Foundation

extension ChatTemplate {
  /// The folder that holds further templates, `NAME.jinja` each.
  package static let folder = "additional_chat_templates"
  /// The end of those files' names.
  static let fileEnding = ".jinja"

  /// The file of a further template in a model's folder.
  package static func file(of name: String) -> String { "\(folder)/\(name)\(fileEnding)" }

  /// The templates of a model's folder; see `load(files:)`.
  public static func load(folder: URL) throws(TemplateError) -> ChatTemplate? { try load(files: .folder(folder)) }

  /// The templates among a model's files: `chat_template.jinja`, or else the member `chat_template` of
  /// `tokenizer_config.json`, which is a text, or a list of texts with names; and `additional_chat_templates/NAME.jinja`.
  ///
  /// - Returns: nil when there is none.
  /// - Throws: ``TemplateError`` that names the file.
  package static func load(files: ModelFiles) throws(TemplateError) -> ChatTemplate? {
    var sources: TextDictionary<String> = [:]
    if let source = try text("chat_template.jinja", in: files) {
      sources[standardName] = source
    } else if let text = try text("tokenizer_config.json", in: files) {
      sources = try configured(text)
    }
    for name in files.names(in: folder, endingWith: fileEnding) {
      sources[name] = try text(file(of: name), in: files)
    }
    return sources.isEmpty ? nil : try ChatTemplate(sources: sources)
  }

  private static func configured(_ text: String) throws(TemplateError) -> TextDictionary<String> {
    let file = "tokenizer_config.json"
    let configuration: JSONValue
    do { configuration = try JSONValue(parsing: text, options: .configuration) } catch {
      throw .file("\(file): \(error)")
    }
    switch configuration["chat_template"] {
    case nil, .null: return [:]
    case .string(let source): return [standardName: source]
    case .object(let members):
      return try members.mapValues { (value) throws(TemplateError) in
        guard let source = value.string else {
          throw TemplateError.file("\(file): a chat_template is \(value.kind), expected a string")
        }
        return source
      }
    case .array(let entries):
      var sources: TextDictionary<String> = [:]
      for (index, entry) in entries.enumerated() {
        guard let name = entry["name"]?.string, let source = entry["template"]?.string else {
          throw .file("\(file): chat_template[\(index)] is no object with the strings name and template")
        }
        sources[name] = source
      }
      return sources
    case .some(let other): throw .file("\(file): chat_template is \(other.kind), expected a string or a list")
    }
  }

  private static func text(_ name: String, in files: ModelFiles) throws(TemplateError) -> String? {
    do { return try files.text(name) } catch { throw .file("\(name) cannot be read as UTF-8 text") }
  }
}
