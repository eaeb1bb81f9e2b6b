import InferCore
import InferText

/// A text that may be shortened to fit the context: its first tokens, as many as the request wants kept, and its last ones
/// stay.
struct TextFit {
  /// The maximum number of tokens of the text and its continuation.
  var context: Int
  /// The end of the continuation.
  var stop: StopConditions
  /// The usual length of a continuation.
  var usualLength: Int?
  /// The first tokens that stay, beside the one that marks the beginning; `nil` for all.
  var keptTokens: Int?

  /// The maximum number of tokens that the text may have.
  var limit: Int { fit.limit }

  private var fit: ContextFit {
    ContextFit(context: context, maxTokens: stop.maxTokens, usual: usualLength, minTokens: stop.minTokens)
  }

  /// The tokens that stay, and the number of those that do not; `nil` where all fit, or too many would have to stay.
  func shortened(_ tokens: [Int32], _ served: ServedModel) -> (tokens: [Int32], dropped: Int)? {
    guard let kept = keptTokens else { return nil }
    let begin = served.tokenizer.bosToken.flatMap(served.tokenizer.id(for:))
    let mark = begin != nil && tokens.first == begin ? 1 : 0
    guard tokens.count > fit.limit, kept < fit.limit - mark,
      let length = fit.length(of: tokens.count, least: kept + mark + 1)
    else { return nil }
    let dropped = tokens.count - length
    return (Array(tokens[..<(kept + mark)] + tokens[(kept + mark + dropped)...]), dropped)
  }
}
