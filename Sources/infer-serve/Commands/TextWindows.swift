import Foundation
import HybridBlocks
import InferCore
import InferText

/// A text, cut into windows that a model reads one by one.
///
/// Windows of `context` tokens stand side by side, and the predictions in the second half of each are scored: those
/// before lack context. (So does llama-perplexity, with which figures can be compared.) With a stride, windows begin
/// that many tokens apart and overlap, and as many predictions are scored at the end of each, so that every scored
/// token has at least `context` − `stride` tokens before it. What is left at the end and fills no window is not read.
struct TextWindows {
  let tokens: [Int32]
  let context: Int
  let stride: Int?
  /// Stands in place of each window's first token.
  let begin: Int32?

  /// Number of windows.
  var count: Int { tokens.count < context ? 0 : (tokens.count - context) / (stride ?? context) + 1 }

  /// Tokens of a window.
  func window(_ index: Int) -> [Int32] {
    precondition(index >= 0 && index < count, "window \(index) of \(count)")
    let first = index * (stride ?? context)
    var window = Array(tokens[first..<first + context])
    if let begin { window[0] = begin }
    return window
  }

  /// Positions in a window after which the prediction is scored: the token scored is the next.
  var scored: Range<Int> {
    // A window's first token has nothing before it and its last nothing to be compared with.
    let first = stride.map { max(0, context - 1 - $0) } ?? context / 2
    return first..<context - 1
  }
}

extension TextWindows {
  /// The text of a file that an option names.
  static func text(at path: PathArgument, option: String) throws -> String {
    let data: Data
    do { data = try Data(contentsOf: path.url) } catch {
      throw CommandFailure("--\(option): cannot read \(path): \(error.localizedDescription)")
    }
    guard !data.isEmpty else { throw CommandFailure("--\(option): \(path) is empty") }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw CommandFailure("--\(option): \(path) is not UTF-8")
    }
    return text
  }

  /// A text's tokens in windows for a model.
  ///
  /// - Throws: `CommandFailure` where the model has no tokenizer or a shorter context, or the text fills no window.
  init(
    _ text: String, of path: PathArgument, option: String, for loaded: LoadedModel, context: Int, stride: Int? = nil,
    parsingSpecialTokens: Bool
  ) throws {
    guard let tokenizer = loaded.tokenizer else {
      throw CommandFailure("\(loaded.name) has no tokenizer, which reading a text needs")
    }
    guard context <= loaded.model.contextLength else {
      throw CommandFailure("--context: \(context) is more than the model's context of \(loaded.model.contextLength)")
    }
    let tokens = try tokenizer.encode(text, parsingSpecialTokens: parsingSpecialTokens, addingSpecialTokens: true)
    guard tokens.count >= context else {
      throw CommandFailure(
        "--\(option): \(path) has \(tokens.count) tokens, and a window \(context); see --context")
    }
    let size = loaded.model.vocabularySize
    if let token = tokens.first(where: { $0 >= size }) {
      throw CommandFailure("--\(option): token \(token) of the tokenizer is outside the model's 0 ..< \(size)")
    }
    // Where the tokenizer begins a text with a token, every window begins with it.
    let begin = tokenizer.bosToken.flatMap(tokenizer.id(for:)).flatMap { $0 == tokens.first ? $0 : nil }
    self.init(tokens: tokens, context: context, stride: stride, begin: begin)
  }
}
