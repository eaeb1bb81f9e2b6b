public import InferCore
public import InferText

/// The tokenizer and the chat templates of a model, which turn conversations into tokens and tokens into text.
public struct ModelText: Sendable {
  /// The tokenizer, where there is one.
  public let tokenizer: Tokenizer?
  /// The model's chat templates, where it has any: probed, and told the names of the tokenizer's special tokens.
  public let chatTemplate: ChatTemplate?

  /// Reads tokenizer and chat template of the model at `path` and nothing else, so that weights need not be there.
  ///
  /// - Parameters:
  ///   - path: A model's folder or file; see ``ModelSource/init(path:)``.
  ///   - chatTemplate: Takes the place of the model's own templates.
  /// - Throws: `ModelError` when there is no model, or when one of the two is malformed.
  public init(path: String, chatTemplate: ChatTemplate? = nil) throws(ModelError) {
    try self.init(try ModelSource(path: path).files, chatTemplate: chatTemplate)
  }

  init(_ files: ModelFiles, chatTemplate replacement: ChatTemplate? = nil) throws(ModelError) {
    if Tokenizer.source(in: files) != nil {
      do { tokenizer = try Tokenizer(files: files) } catch {
        throw .malformed(path: files.path, reason: "tokenizer: \(error)")
      }
    } else {
      tokenizer = nil
    }
    var template = replacement
    do {
      if template == nil { template = try ChatTemplate.load(files: files) }
    } catch {
      throw .malformed(path: files.path, reason: "\(error)")
    }
    if let tokenizer { template?.specialTokens = tokenizer.specialTokenNames }
    chatTemplate = template?.probed()
  }
}
