package import Foundation
package import InferCore
package import InferText

/// The tokenizer and the chat templates of a model, which turn conversations into tokens and tokens into text.
package struct ModelText: Sendable {
  /// The tokenizer, where there is one.
  package let tokenizer: Tokenizer?
  /// The model's chat templates, where it has any: probed, and told the names of the tokenizer's special tokens.
  package let chatTemplate: ChatTemplate?

  /// Reads tokenizer and chat template of the model at a place and nothing else, so that weights need not be there.
  ///
  /// - Parameters:
  ///   - place: The file URL of a model's folder or file; see `ModelSource`.
  ///   - chatTemplate: Takes the place of the model's own templates.
  /// - Throws: `ModelError` when there is no model, or when one of the two is malformed.
  package init(_ place: URL, chatTemplate: ChatTemplate? = nil) throws(ModelError) {
    try self.init(try ModelSource(place).files, chatTemplate: chatTemplate)
  }

  init(_ files: ModelFiles, chatTemplate replacement: ChatTemplate? = nil) throws(ModelError) {
    if Tokenizer.source(in: files) != nil {
      do { tokenizer = try Tokenizer(files: files) } catch {
        throw .malformed(at: files.url, reason: "tokenizer: \(error)")
      }
    } else {
      tokenizer = nil
    }
    var template = replacement
    do {
      if template == nil { template = try ChatTemplate.load(files: files) }
    } catch {
      throw .malformed(at: files.url, reason: "\(error)")
    }
    if let tokenizer { template?.specialTokens = tokenizer.specialTokenNames }
    chatTemplate = template?.probed()
  }
}
