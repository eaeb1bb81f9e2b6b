/// The tokens put before and after a text when special tokens are asked for.
struct PostProcessor: Sendable {
  var prefix: [Int32] = []
  var suffix: [Int32] = []
}

extension PostProcessor {
  /// Reads the member `post_processor` of a `tokenizer.json`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    switch try field.type() {
    case "ByteLevel": break  // It only moves offsets.
    case "Sequence":
      for step in try field.require("processors").elements() {
        let inner = try PostProcessor(step)
        prefix = inner.prefix + prefix
        suffix += inner.suffix
      }
    case "TemplateProcessing": try addTemplate(field)
    case "BertProcessing", "RobertaProcessing":
      prefix = [try Self.tokenID(try field.require("cls"))]
      suffix = [try Self.tokenID(try field.require("sep"))]
    case let type: throw field.unsupported("the post-processor \(type)")
    }
  }

  /// Reads `["<s>", 0]`.
  private static func tokenID(_ field: TokenizerField) throws(TokenizerError) -> Int32 {
    let elements = try field.elements()
    guard elements.count == 2 else { throw field.invalid("expected a token and its id") }
    return try elements[1].tokenID()
  }

  private mutating func addTemplate(_ field: TokenizerField) throws(TokenizerError) {
    var isAfterText = false
    for item in try field.require("single").elements() {
      if item["Sequence"] != nil {
        guard !isAfterText else { throw item.unsupported("a template that repeats the text") }
        isAfterText = true
        continue
      }
      let name = try item.require("SpecialToken").require("id").string()
      var ids: [Int32] = []
      for id in try field.require("special_tokens").require(name).require("ids").elements() {
        ids.append(try id.tokenID())
      }
      if isAfterText { suffix += ids } else { prefix += ids }
    }
    guard isAfterText else { throw field.invalid("the template has no place for the text") }
  }
}
