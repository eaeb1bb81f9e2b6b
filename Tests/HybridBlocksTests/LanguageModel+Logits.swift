import InferCore

extension LanguageModel {
  /// The logits of every token of a sequence that is computed in one step, row by row.
  func logits(of tokens: [Int32]) throws -> [Float] {
    let runner = try StepRunner(model: self, sequences: 1, length: tokens.count, kvType: .f32, threads: 2)
    var result: [[Float]] = [[]]
    runner.step(
      [.init(sequence: 0, tokens: tokens[...], position: 0, logits: tokens.count)], appendingLogitsTo: &result)
    return result[0]
  }
}

extension StepRunner {
  /// Computes a step of parts that want the logits of all their tokens, and appends those to the ones of their sequences.
  func step(_ parts: [Part], appendingLogitsTo result: inout [[Float]]) {
    step(parts) { rows in
      var row = 0
      for part in parts {
        for _ in part.tokens {
          let span = rows[row]
          for column in span.indices { result[part.sequence].append(span[column]) }
          row += 1
        }
      }
    }
  }
}
