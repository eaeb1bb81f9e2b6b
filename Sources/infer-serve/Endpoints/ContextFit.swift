/// The length that a prompt which may be shortened has to fit.
///
/// A prompt that is too long becomes shorter by whole quarters of the limit, so that what follows has room for a while: as
/// a conversation grows, it begins with the same turn from request to request, and the prefix cache has all but the new
/// turns. All follows from the request alone; nothing is remembered.
struct ContextFit {
  /// The maximum number of tokens of the prompt.
  let limit: Int

  /// - Parameters:
  ///   - context: The number of tokens that prompt and answer have together.
  ///   - maxTokens: The tokens that the request wants generated, of which up to half the context is kept free.
  ///   - usual: The tokens that are generated otherwise, of which up to an eighth is.
  ///   - minTokens: The tokens that have to be generated.
  init(context: Int, maxTokens: Int?, usual: Int?, minTokens: Int) {
    let room = maxTokens.map { min($0, context / 2) } ?? max(1, min(usual ?? .max, context / 8))
    limit = max(1, context - max(room, minTokens))
  }

  /// The number of tokens that a prompt is brought down to, at most ``limit``; `nil` when what has to stay is longer.
  ///
  /// - Parameters:
  ///   - total: The tokens of the whole prompt, more than the limit.
  ///   - least: The tokens that have to stay. Where they leave too little to take quarters off, it is eighths, and so on.
  func length(of total: Int, least: Int) -> Int? {
    guard least <= limit else { return nil }
    var unit = max(1, limit / 4)
    while true {
      let length = total - (total - limit + unit - 1) / unit * unit
      if length >= least { return length }
      unit = max(1, unit / 2)
    }
  }

  /// The least number of parts without which a prompt is no longer than `length`.
  ///
  /// Few parts are tried to be left over first, so that little more than the result is ever looked at.
  ///
  /// - Parameters:
  ///   - count: A number that is enough.
  ///   - size: The prompt's length without so many parts; called for O(log count) numbers.
  static func fewest(
    of count: Int, for length: Int, size: (Int) throws(APIError) -> Int
  ) throws(APIError) -> Int {
    var (enough, tooFew, step) = (count, 0, 1)
    while enough - step > tooFew {
      let tried = enough - step
      if try size(tried) > length {
        tooFew = tried
      } else {
        enough = tried
        step *= 2
      }
    }
    while enough - tooFew > 1 {
      let middle = (enough + tooFew) / 2
      if try size(middle) > length { tooFew = middle } else { enough = middle }
    }
    return enough
  }
}
