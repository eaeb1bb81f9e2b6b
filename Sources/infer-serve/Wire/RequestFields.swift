import InferCore
import InferText

/// The treatment of a request's fields: OpenAI's own, and those that llama-server, vLLM, SGLang, Ollama and
/// OpenRouter add to them.
///
/// A field that changes what is generated or told is read, or refused by its name: ignoring it would answer another
/// question than the one that was asked. Fields that change nothing here are ignored, as are those that nobody knows.
struct RequestFields: Sendable {
  /// The treatment of a field.
  enum Use: Sendable, Equatable {
    /// It is read.
    case read
    /// It is read as the field of that name, unless that is there itself.
    case alias(of: String)
    /// It changes nothing that this server generates or tells.
    case ignored
    /// It is refused, with words that say what it asks for, but for values that ask for nothing.
    case refused(String, unless: [JSONValue])
  }

  /// A field's name and use.
  typealias Field = (name: String, use: Use)

  /// All fields that are known, each once.
  let fields: [Field]
  /// Members of Ollama's `options` with the fields that they are read or refused as.
  var options = RequestFields.options
  /// The shapes of fields that mean something else here than elsewhere.
  var shapes: [String: JSONShape] = [:]
  /// The fields that cannot be left out.
  var required: [String] = []

  /// The shape of a field that is read; `nil` for one that no table describes.
  func shape(of name: String) -> JSONShape? { shapes[name] ?? Self.commonShapes[name] }

  /// Whether Ollama's `options` are read.
  private var readsOptions: Bool { fields.contains { $0.name == "options" && $0.use == .read } }

  /// Refuses a body that uses what is not supported, and lets other names of fields be read by the fields' own.
  func resolve(_ body: FieldReader) throws(APIError) -> FieldReader {
    var reader = bounded(body)
    for field in fields {
      guard case .alias(let name) = field.use, let value = body[field.name] else { continue }
      reader.alias(name, path: body.name(field.name), value)
    }
    if readsOptions, let options = try body.object("options") {
      for (name, field) in self.options {
        if let value = options[name] { reader.alias(field, path: options.name(name), value) }
      }
    }
    for field in fields {
      guard case .refused(let what, let idle) = field.use, let value = reader[field.name] else { continue }
      guard idle.contains(where: { Self.isSame($0, value) }) else {
        throw .unsupported(reader.name(field.name), "\(what) not supported (field '\(reader.name(field.name))').")
      }
    }
    if let modalities = try reader.array("modalities"), modalities != ["text"] {
      throw .unsupported("modalities", "Of modalities, only 'text' is supported.")
    }
    return reader
  }

  /// A reader that holds numbers and strings to their shapes.
  func bounded(_ body: FieldReader) -> FieldReader {
    var reader = body
    reader.fields = self
    return reader
  }

  /// Whether two values are the same, numbers by what they amount to.
  private static func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
    if let a = a.double, let b = b.double { return a == b }
    return a == b
  }
}
