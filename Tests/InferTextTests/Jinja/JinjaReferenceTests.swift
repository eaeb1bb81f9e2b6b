import Foundation
import InferText
import Testing

/// Small templates that Hugging Face's environment has rendered, or refused to: operators, slices, filters, tests, methods,
/// loops, macros, scopes, white space, errors.
@Suite struct JinjaReference {
  @Test func agreesOnEveryCase() throws {
    let file = try TextFixtures.json(TextFixtures.folder.appending(path: "jinja/cases.json"))
    var variables: JSONObject = [:]
    for key in file["variables"]?.keys ?? [] { variables[key] = file["variables"]?[key] }
    let messages = try #require(variables["messages"])
    let cases = try #require(file["cases"]?.array)
    #expect(cases.count > 250)
    for item in cases { try expectAgreement(item, variables, messages) }
  }

  /// Random templates that use every construct; `generate.py` beside them makes more.
  @Test func agreesOnGeneratedTemplates() throws {
    let cases = try #require(try TextFixtures.json(TextFixtures.folder.appending(path: "jinja/generated.json")).array)
    #expect(cases.count >= 300)
    for item in cases {
      var variables: JSONObject = [:]
      for name in item["context"]?.keys ?? [] { variables[name] = item["context"]?[name] }
      try expectAgreement(item, variables, try #require(variables["messages"]))
    }
  }

  private func expectAgreement(
    _ item: JSONValue, _ variables: JSONObject, _ messages: JSONValue
  ) throws {
    let source = try #require(item["template"]?.string)
    let result = Result { () throws(TemplateError) in
      try ChatTemplate(source: source).render(messages: messages, variables: variables)
    }
    switch (result, item["output"]?.string) {
    case (.success(let output), let expected?):
      #expect(Array(output.unicodeScalars) == Array(expected.unicodeScalars), "\(source)\n\(output)\n\(expected)")
    case (.failure, nil): break
    case (.success(let output), nil):
      Issue.record("\(source) gives \(output), expected \(item["reason"]?.string ?? item["error"]?.string ?? "")")
    case (.failure(let error), let expected?): Issue.record("\(source): \(error), expected \(expected)")
    }
  }
}
