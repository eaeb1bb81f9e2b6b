import Foundation
import InferKit
import Testing

/// Answers that are values of a type.
@Suite(.timeLimit(.minutes(10))) struct StructuredAnswerTests {
  private struct Sum: Codable, Equatable {
    enum Sign: String, Codable, CaseIterable { case plus, minus }

    let sign: Sign
    let result: UInt8
    let isEven: Bool?
  }

  @Test func theAnswerIsOfTheType() async throws {
    let engine = try await TinyModel.engine()
    var decoded = 0
    for seed in UInt64(1)...4 {
      var options = ChatOptions()
      options.sampling = try SamplingParameters(temperature: 0.7, seed: seed)
      options.stop = try StopConditions(maxTokens: 1500)
      options.templateVariables = ["enable_thinking": false]
      let session = try ChatSession(engine, options: options)
      do {
        let sum = try await session.respond(to: "What is 47 + 85?", as: Sum.self)
        let text = try #require(session.messages.last?.content)
        #expect(try JSONDecoder().decode(Sum.self, from: Data(text.utf8)) == sum)
        decoded += 1
      } catch ChatError.undecodable(_, _, let reason) {
        #expect(reason == "it was cut off")
      }
    }
    #expect(decoded > 0)
  }

  @Test func anAnswerIsInALanguage() async throws {
    var options = TinyModel.greedy
    options.templateVariables = ["enable_thinking": false]
    let session = try ChatSession(try await TinyModel.engine(), options: options)
    let languages: [Constraint.Language] = [
      .regex("[a-c]{5}"), .choice(["aye", "nay"]), .grammar("root ::= \"x\" root?  | \"y\"", .gbnf),
    ]
    for (language, shape) in zip(languages, ["^[a-c]{5}$", "^(aye|nay)$", "^x*(x|y)$"]) {
      let content = try await session.respond(to: "What is 47 + 85?", in: language).content
      #expect(content.contains(try Regex(shape)), "\(content)")
    }
    for try await case .finished(let response) in session.stream("And now?", in: .choice(["so", "or so"])) {
      #expect(["so", "or so"].contains(response.content))
    }
    await #expect(throws: ConstraintError.self) { try await session.respond(to: "x", in: .regex("(")) }
    #expect(session.messages.count == 8)
  }

  @Test func aStreamEndsInAValue() async throws {
    let session = try ChatSession(try await ScriptedModel.engine(["12", #"{"result"#]), options: TinyModel.greedy)
    var text = ""
    for try await event in try session.stream("A number?", as: UInt8.self) {
      switch event {
      case .content(let part): text += part
      case .finished(let response): #expect(try response.decoded(as: UInt8.self) == 12)
      default: break
      }
    }
    #expect(text == "12")
    #expect(throws: SchemaError.self) { try session.stream("A function?", as: Never.self) }
  }

  @Test func anAnswerThatIsCutOffIsRefused() async throws {
    var options = TinyModel.greedy
    options.templateVariables = ["enable_thinking": false]
    options.stop = try StopConditions(maxTokens: 3)
    let session = try ChatSession(try await TinyModel.engine(), options: options)
    do {
      _ = try await session.respond(to: "What is 47 + 85?", as: Sum.self)
      Issue.record("an answer of three tokens")
    } catch ChatError.undecodable(let type, _, let reason) {
      #expect(type == "Sum" && reason == "it was cut off")
    }
    #expect(session.messages.isEmpty)
  }

  private struct Smallness: Decodable, Equatable {
    var float: Float
    var floats: [Float]
    var double: Double
    var decimal: Decimal
  }

  /// Each number is rounded as its own type is, whatever the others are.
  @Test func smallNumbersAreRoundedAsTheirTypesAre() throws {
    let text = #"{"float": 1e-60, "floats": [2.5, -1e-60, 3e-46], "double": 1e-60, "decimal": 1e-60}"#
    #expect(
      try text.decoded(as: Smallness.self)
        == Smallness(float: 0, floats: [2.5, 0, 0], double: 1e-60, decimal: Decimal(string: "1e-60") ?? 0))
    #expect(try "[1e-400, 1e-100]".decoded(as: [Double].self) == [0, 1e-100])
    #expect(throws: DecodingError.self) { try #"{"float": 1e-60}"#.decoded(as: Smallness.self) }
  }

  /// A type that refuses what its schema allows.
  private struct Odd: JSONSchemaProviding {
    static let jsonSchema: JSONValue = ["type": "integer"]
    static let placeholder = Odd()

    private init() {}

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      guard try container.decode(Int.self) % 2 == 1 else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "is even")
      }
    }
  }

  @Test func anAnswerThatIsNoValueIsNotKept() async throws {
    let session = try ChatSession(try await ScriptedModel.engine(["2", "3"]))
    await #expect(throws: ChatError.undecodable(type: "Odd", answer: "2", reason: "is even")) {
      try await session.respond(to: "An odd number?", as: Odd.self)
    }
    #expect(session.messages.isEmpty)
    _ = try await session.respond(to: "And which is the next one?", as: Odd.self)
    #expect(session.messages == [Message(.user, "And which is the next one?"), Message(.assistant, "3")])
  }
}
