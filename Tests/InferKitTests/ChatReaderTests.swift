import TestSupport
import Testing

@testable import InferCore
@testable import InferKit

/// What is read of answers that come in pieces of any size.
struct ChatReaderTests {
  private static let answers = [
    "<think>\n雞 = 35·2\n</think>\n\nThere are 23 chickens = 雞23隻, é.\n", "<think>only thinking, 雞", "",
    "Let me see. <tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": \"=🐔\"}}\n</tool_call> So = it is.",
    "A <tool_call> that is none</tool_call> goes on. <tool_call>{\"name\": \"now\"}</tool_call> The = end",
  ]

  private func parser() -> OutputParser {
    OutputParser(OutputFormat(template: "<tool_call>"), prompt: "", tools: [])
  }

  /// The parts of an answer that is cut into pieces of a few characters, a token each.
  private func parts(
    _ answer: String, _ reader: inout ChatReader, using random: inout SeededGenerator
  ) -> [ChatReader.Part] {
    var (parts, rest) = ([ChatReader.Part](), answer.unicodeScalars[...])
    while !rest.isEmpty {
      let text = String(rest.prefix(Int.random(in: 1...9, using: &random)))
      rest = rest.dropFirst(text.unicodeScalars.count)
      parts += reader.append(TextPiece(text: text, tokens: [GeneratedToken(id: 0)]))
    }
    return parts + reader.finish()
  }

  /// Parts are those of the parser, and the bytes of reasoning and content stand where they say.
  @Test(arguments: answers) func partsStandAtTheirPlaces(_ answer: String) throws {
    var random = SeededGenerator(seed: 5)
    let bytes = Array(answer.utf8)
    var whole = parser()
    let expected = TakenPieces(whole.append(answer) + whole.finish())
    for _ in 0..<50 {
      // What is held back for a stop string that does not come is told where it stands as well.
      for stop in [StopConditions.standard, try StopConditions(stopStrings: ["35·2\n</", "= nothing"])] {
        var reader = ChatReader(parser(), stop: stop)
        let parts = parts(answer, &reader, using: &random)
        #expect(TakenPieces(parts.map(\.piece)) == expected && !reader.isComplete)
        for part in parts {
          guard let text = part.text else { continue }
          let standing = part.places.flatMap { bytes[$0.offset..<$0.offset + $0.count] }
          #expect(standing == Array(text.utf8), "\(part)")
        }
      }
    }
  }

  /// An answer ends with the token that completes a stop string, whatever comes behind.
  @Test(arguments: [("a=b", 2, "a"), ("<think>=</think>a =b=", 19, "a ")])
  func stopStringsEndTheAnswer(_ answer: String, _ tokens: Int, _ content: String) throws {
    var reader = ChatReader(parser(), stop: try StopConditions(stopStrings: ["="]))
    var parts: [ChatReader.Part] = []
    for character in answer + "more" {
      parts += reader.append(TextPiece(text: String(character), tokens: [GeneratedToken(id: 0)]))
    }
    parts += reader.finish()
    #expect(TakenPieces(parts.map(\.piece)).content == content && reader.isComplete && reader.stopString == "=")
    let end = reader.end(.length, GenerationStatistics(promptTokens: 1))
    #expect(end.reason == .stop && end.statistics.generatedTokens == tokens)
  }
}

extension ChatReader.Part {
  /// The text of reasoning and content.
  fileprivate var text: String? {
    switch piece {
    case .reasoning(let text), .content(let text): text
    case .call, .arguments, .callEnd: nil
    }
  }
}

/// All pieces of a kind together.
private struct TakenPieces: Equatable {
  var (reasoning, content, calls) = ("", "", [String]())

  init(_ pieces: [OutputPiece]) {
    for piece in pieces {
      switch piece {
      case .reasoning(let text): reasoning += text
      case .content(let text): content += text
      case .call(let name, _): calls.append("\(name) ")
      case .arguments(let text): calls[calls.count - 1] += text
      case .callEnd: calls[calls.count - 1] += "."
      }
    }
  }
}
