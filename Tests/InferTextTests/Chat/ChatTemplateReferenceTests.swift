import Foundation
import Testing

@testable import InferText

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

  /// What a call that is demanded begins with is what templates write earlier calls with; where reasoning is closed for
  /// it, and all in all, the prompt is that of an earlier turn.
  @Test func callsBeginAsInTheTemplates() throws {
    let places = [Self.bundled, Self.shared].filter(TextFixtures.exists)
    for folder in places {
      let file = try TextFixtures.json(folder.appending(path: "expected.json"))
      for name in try #require(file["expected"]).keys {
        let cases = file["expected"]?[name]
        let format = OutputFormat(
          template: try String(contentsOf: folder.appending(path: "\(name).jinja"), encoding: .utf8))
        // The first writes a header in another order than its model does, the second no earlier calls at all.
        guard let calls = format.toolCalls, ![.harmony, .lfm2].contains(calls),
          let earlier = cases?["tool_result"]?["output"]?.string, let prompt = cases?["tools"]?["output"]?.string
        else { continue }
        let opening = try #require(format.callOpening(of: "get_weather", prompt: ""))
        #expect(earlier.containsExactly(opening), "\(name)")
        if ["Qwen-Qwen3-0.6B", "Qwen3-Coder", "Qwen3.5-4B", "ibm-granite-granite-4.0", "tencent-Hy3"].contains(name) {
          let whole = prompt + (try #require(format.callOpening(of: "get_weather", prompt: prompt)))
          #expect(earlier.hasExactPrefix(whole), "\(name)")
          let open = prompt + (try #require(format.callOpening(of: nil, prompt: prompt)))
          #expect(earlier.hasExactPrefix(open), "\(name)")
        }
      }
    }
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
        var variables: JSONObject = [:]
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
