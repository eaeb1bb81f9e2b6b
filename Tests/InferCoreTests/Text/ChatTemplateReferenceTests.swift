import Foundation
import InferCore
import Testing

/// What Hugging Face's renderer makes of real models' templates.
@Suite struct ChatTemplateReference {
  static let bundled = TextFixtures.folder.appending(path: "templates")
  static let shared = TextFixtures.shared.appending(path: "templates")

  @Test func agreesOnBundledTemplates() throws {
    try expectAgreement(in: Self.bundled, models: 10)
  }

  @Test(.enabled(if: TextFixtures.exists(shared), "the other templates are not here"))
  func agreesOnOtherTemplates() throws {
    try expectAgreement(in: Self.shared, models: 16)
  }

  private func expectAgreement(in folder: URL, models: Int) throws {
    let file = try TextFixtures.json(folder.appending(path: "expected.json"))
    let now = try #require(ISO8601DateFormatter().date(from: (file["now"]?.string ?? "") + "Z"))
    let names = try #require(file["expected"]).keys
    #expect(names.count >= models)
    for name in names {
      let source = try String(contentsOf: folder.appending(path: "\(name).jinja"), encoding: .utf8)
      let template = try ChatTemplate(source: source)
      for conversation in try #require(file["cases"]).keys {
        let input = try #require(file["cases"]?[conversation])
        let expected = try #require(file["expected"]?[name]?[conversation])
        var variables: [String: JSONValue] = [:]
        for key in file["variables"]?.keys ?? [] { variables[key] = file["variables"]?[key] }
        for key in input.keys where !["messages", "tools", "add_generation_prompt"].contains(key) {
          variables[key] = input[key]
        }
        let result = Result { () throws(TemplateError) in
          try template.render(
            messages: input["messages"] ?? [], tools: input["tools"],
            addGenerationPrompt: input["add_generation_prompt"]?.bool ?? true, variables: variables, now: now,
            timeZone: .gmt)
        }
        switch result {
        case .success(let output):
          #expect(Array(output.utf8) == Array((expected["output"]?.string ?? "").utf8), "\(name), \(conversation)")
        case .failure(.evaluation(_, let reason)), .failure(.raised(let reason)):
          #expect(reason == expected["error"]?.string, "\(name), \(conversation)")
        case .failure(let error): Issue.record(error)
        }
      }
    }
  }
}
