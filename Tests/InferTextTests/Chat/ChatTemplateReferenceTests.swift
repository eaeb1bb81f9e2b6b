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

  /// What templates write earlier calls as is what answers may be.
  @Test func callsMayBeAsInTheTemplates() throws {
    let vocabulary = MaskVocabulary.bytes
    var count = 0
    for folder in [Self.bundled, Self.shared].filter(TextFixtures.exists) {
      let file = try TextFixtures.json(folder.appending(path: "expected.json"))
      let tools = try #require(file["cases"]?["tool_result"]?["tools"])
      for name in try #require(file["expected"]).keys {
        let format = OutputFormat(
          template: try String(contentsOf: folder.appending(path: "\(name).jinja"), encoding: .utf8))
        // The first writes a header in another order than its model does, the second no earlier calls at all.
        guard let calls = format.toolCalls, ![.harmony, .lfm2].contains(calls),
          let earlier = file["expected"]?[name]?["tool_result"]?["output"]?.string
        else { continue }
        let constraint = try Constraint(
          content: nil, calls: CallRules(tools: tools, demand: .function("get_weather")), format: format,
          for: vocabulary)
        // One of the places at which a call may begin is that of the call.
        let bytes = Array(earlier.utf8)
        let call = bytes.indices.lazy.compactMap { start -> [UInt8]? in
          guard "<[{".utf8.contains(bytes[start]) else { return nil }
          var (cursor, end) = (constraint.makeCursor(), start)
          while end < bytes.count, cursor.accept([bytes[end]]) {
            end += 1
            if cursor.mayEnd { return Array(bytes[start..<end]) }
          }
          return nil
        }.first
        let text = String(decoding: try #require(call, "\(name)"), as: UTF8.self)
        let answer = TakenApart(takeApart([text], OutputParser(format, prompt: "", tools: tools)))
        #expect(answer.calls.map(\.name) == ["get_weather"], "\(name): \(text)")
        count += 1
      }
    }
    #expect(count >= 5)
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
