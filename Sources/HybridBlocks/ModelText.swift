public import InferCore

/// What turns conversations into a model's tokens and tokens into text, where the model has it.
public struct ModelText: Sendable {
  /// The tokenizer, where there is one.
  public let tokenizer: Tokenizer?
  /// `chat_template.jinja`, or the template in `tokenizer_config.json`, where there is one.
  public let chatTemplate: ChatTemplate?

  /// Reads tokenizer and chat template of the model at `path` and nothing else, so that weights need not be there.
  ///
  /// - Parameter path: A model's folder or file; see ``ModelSource/init(path:)``.
  /// - Throws: `ModelError` when there is no model, or when one of the two is malformed.
  public init(path: String) throws(ModelError) { try self.init(try ModelSource(path: path).files) }

  init(_ files: ModelFiles) throws(ModelError) {
    if Tokenizer.source(in: files) != nil {
      do { tokenizer = try Tokenizer(files: files) } catch {
        throw .malformed(path: files.path, reason: "tokenizer: \(error)")
      }
    } else {
      tokenizer = nil
    }
    do { chatTemplate = try ChatTemplate.load(files: files) } catch {
      throw .malformed(path: files.path, reason: "chat template: \(error)")
    }
  }
}
