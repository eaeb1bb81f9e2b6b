import InferCore

extension LanguageModel {
  /// The logits of every token of a sequence that is computed in one step, row by row.
  func logits(of tokens: [Int32]) throws -> [Float] {
    let runner = try StepRunner(model: self, sequences: 1, length: tokens.count, kvType: .f32, threads: 2)
    var result: [Float] = []
    runner.step([.init(sequence: 0, tokens: tokens[...], position: 0, logits: tokens.count)]) { rows in
      for row in 0..<rows.count {
        for column in 0..<rows.columns { result.append(rows[row][column]) }
      }
    }
    return result
  }
}
