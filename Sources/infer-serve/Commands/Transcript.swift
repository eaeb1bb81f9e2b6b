import Foundation
import InferCore
import InferText

/// The answer of `generate`: printed as it comes, or collected for one object.
struct Transcript {
  private(set) var finishReason: FinishReason?

  /// `true` where standard output is a terminal, which the model's text must not steer.
  private static let isTerminal = isatty(STDOUT_FILENO) == 1

  private let isPrinting: Bool
  /// Nil when there is no tokenizer.
  private var text: String?
  /// Splits the text; nil unless the prompt is a chat.
  private var chat: ChatChoice?
  private var tokens: [GeneratedToken] = []
  private var statistics: GenerationStatistics?

  /// A transcript that has not begun.
  init(prompt: PromptOptions.Resolved, _ format: OutputFormat, hasText: Bool, printing: Bool) {
    chat = prompt.chat.map { ChatChoice(OutputParser(format, prompt: $0)) }
    text = hasText ? "" : nil
    isPrinting = printing
  }

  /// Takes the next piece of text.
  mutating func append(_ piece: TextPiece) throws {
    tokens += piece.tokens
    text?.append(piece.text)
    _ = chat?.append(piece)
    if isPrinting { try emit(Self.isTerminal ? TerminalText.shown(piece.text) : piece.text) }
  }

  /// Takes the next token of a model that has no text; its id is printed.
  mutating func append(_ token: GeneratedToken) throws {
    if isPrinting { try emit("\(tokens.isEmpty ? "" : ",")\(token.id)") }
    tokens.append(token)
  }

  /// Takes the end.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) {
    finishReason = reason
    self.statistics = statistics
    _ = chat?.finish(reason, statistics)
  }

  /// The object that `--json` prints.
  var json: JSONValue {
    var members: JSONObject = [
      "tokens": .array(tokens.map { .integer(Int($0.id)) }),
      "text": text.map(JSONValue.string) ?? .null,
    ]
    if let chat {
      members["reasoning_content"] = chat.reasoning.map(JSONValue.string) ?? .null
      members["content"] = .string(chat.content)
    }
    members["finish_reason"] = finishReason.map { .string($0.rawValue) } ?? .null
    if tokens.contains(where: { $0.logprobs != nil }) { members["logprobs"] = .array(tokens.compactMap(Self.logprobs)) }
    if let statistics {
      members["usage"] = Usage([(prompt: 0, statistics: statistics)], reasoningTokens: chat?.reasoningTokens ?? 0).json
      members["timings"] = Timings([statistics]).json
    }
    return .object(members)
  }

  private static func logprobs(_ token: GeneratedToken) -> JSONValue? {
    guard let logprobs = token.logprobs else { return nil }
    let top = logprobs.top.map { ["id": .integer(Int($0.id)), "logprob": .number(Double($0.logprob))] as JSONValue }
    return ["id": .integer(Int(token.id)), "logprob": .number(Double(logprobs.chosen)), "top": .array(top)]
  }
}
