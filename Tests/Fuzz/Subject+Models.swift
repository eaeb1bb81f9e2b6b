import InferCore
import InferText
import TestSupport

extension Subject {
  /// Reads what a model might have written: three bytes that choose the format, then text. Cut into pieces anywhere, it
  /// must be taken apart alike.
  static func readOutput(_ input: [UInt8]) {
    guard input.count >= 3 else { return }
    let tool = ToolCallFormat.allCases[Int(input[0]) % ToolCallFormat.allCases.count]
    let reasoning = ReasoningFormat.allCases[Int(input[1]) % ReasoningFormat.allCases.count]
    var format = OutputFormat(template: input[2] & 1 == 0 ? "" : "<think:opensource>")
    (format.toolCalls, format.reasoning) = (tool, reasoning)
    let text = Array(String(decoding: input[3...], as: UTF8.self).unicodeScalars)
    let parser = OutputParser(
      format, prompt: input[2] & 2 == 0 ? "" : "<think>", tools: tools, demandsCalls: input[2] & 4 != 0)
    let whole = Answer([text[...]], parser)
    var random = SeededGenerator(seed: input.reduce(0) { $0 &* 31 &+ UInt64($1) })
    var pieces: [ArraySlice<Unicode.Scalar>] = []
    var rest = text[...]
    while !rest.isEmpty {
      let piece = rest.prefix(Int.random(in: 1...9, using: &random))
      pieces.append(piece)
      rest = rest.dropFirst(piece.count)
    }
    precondition(Answer(pieces, parser) == whole, "the cut of an answer changes what it is")
    // Broken off, it is whatever it is.
    _ = Answer([text.prefix(Int.random(in: 0...text.count, using: &random))], parser)
  }

  /// What an answer comes to when the pieces of each kind are joined.
  private struct Answer: Equatable {
    private var reasoning: [UInt8] = []
    private var content: [UInt8] = []
    private var calls: [[UInt8]] = []

    init(_ pieces: [ArraySlice<Unicode.Scalar>], _ parser: OutputParser) {
      var parser = parser
      for piece in pieces {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: piece)
        add(parser.append(String(text)))
      }
      add(parser.finish())
    }

    private mutating func add(_ pieces: [OutputPiece]) {
      for piece in pieces {
        switch piece {
        case .reasoning(let text): reasoning += text.utf8
        case .content(let text): content += text.utf8
        case .call(let name, let id): calls.append(Array("\(name) \(id ?? "") ".utf8))
        case .arguments(let text): calls[calls.count - 1] += text.utf8
        case .callEnd: calls[calls.count - 1].append(0)
        }
      }
    }
  }
}
