/// The tokens put before and after a text when special tokens are asked for.
struct PostProcessor: Sendable {
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  /// Neither before nor after: what a file without a template asks for.
  init() {}

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
    case let type: throw field.unsupported("the post-processor \(type)")
    }
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
