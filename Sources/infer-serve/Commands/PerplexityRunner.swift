import InferCore

/// Has one or two models read windows of a text and adds up how well they predict it.
struct PerplexityRunner {
  /// A model at work.
  private struct Reader {
    let runner: StepRunner
    var score = TextScore()
  }

  private let windows: TextWindows
  /// Rows of a step at most whose logits are wanted: they take at most 64 MiB.
  private let logitRows: Int
  private let batchTokens: Int
  private var tested: Reader
  private var reference: Reader?
  private(set) var divergence = Divergence()

  var score: TextScore { tested.score }
  var referenceScore: TextScore? { reference?.score }

  /// Reserves what reading takes.
  ///
  /// - Precondition: both models have the same number of logits and can hold a window.
  init(
    _ windows: TextWindows, model: any LanguageModel, reference: (any LanguageModel)?, kvType: KVType, threads: Int,
    batchTokens: Int = EngineConfiguration().maxBatchTokens
  ) throws {
    func reader(_ model: any LanguageModel) throws -> Reader {
      Reader(
        runner: try StepRunner(
          model: model, sequences: 1, length: windows.context, kvType: kvType, threads: threads))
    }
    precondition(reference.map { $0.vocabularySize == model.vocabularySize } ?? true, "vocabularies differ")
    self.windows = windows
    self.batchTokens = batchTokens
    logitRows = max(1, min(batchTokens, (16 << 20) / model.vocabularySize))
    tested = try reader(model)
    self.reference = try reference.map(reader)
  }

  /// Reads a window and scores the second part of it.
  mutating func read(_ index: Int) throws {
    let window = windows.window(index)
    var position = 0
    while position < windows.scored.upperBound {
      let isScored = position >= windows.scored.lowerBound
      let limit = isScored ? windows.scored.upperBound : windows.scored.lowerBound
      let end = min(limit, position + (isScored ? logitRows : batchTokens))
      let part = StepRunner.Part(
        sequence: 0, tokens: window[position..<end], position: position, logits: isScored ? end - position : 0)
      do { try step(part, next: window[position + 1..<end + 1]) } catch {
        throw CommandFailure("window \(index + 1): \(error)")
      }
      position = end
    }
  }

  /// Computes a part with both models; `next` are the tokens that follow those of the part.
  private mutating func step(_ part: StepRunner.Part, next: ArraySlice<Int32>) throws(UnsoundLogits) {
    guard let runner = reference?.runner else {
      return try tested.runner.step([part]) { logits throws(UnsoundLogits) in
        for row in 0..<logits.count {
          tested.score.add(try Self.logProbability(next, row, logits, part))
        }
      }
    }
    try runner.step([part]) { expected throws(UnsoundLogits) in
      try tested.runner.step([part]) { logits throws(UnsoundLogits) in
        for row in 0..<logits.count {
          tested.score.add(try Self.logProbability(next, row, logits, part))
          reference?.score.add(try Self.logProbability(next, row, expected, part))
          guard let value = LogitScore.divergence(of: logits[row], from: expected[row]), value.isFinite else {
            throw UnsoundLogits(position: part.position + row)
          }
          divergence.add(
            value, sameTop: LogitScore.mostLikely(logits[row]) == LogitScore.mostLikely(expected[row]))
        }
      }
    }
  }

  private static func logProbability(
    _ next: ArraySlice<Int32>, _ row: Int, _ logits: Rows, _ part: StepRunner.Part
  ) throws(UnsoundLogits) -> Double {
    let token = next[next.startIndex + row]
    guard let value = LogitScore.logProbability(of: token, in: logits[row]), value.isFinite else {
      throw UnsoundLogits(position: part.position + row)
    }
    return value
  }
}

/// Logits that give what follows no probability, or none at all.
private struct UnsoundLogits: Error, CustomStringConvertible {
  let position: Int
  var description: String { "the logits after token \(position) give the next no probability" }
}
