/// Reads an answer piece by piece, one step after another.
protocol AnswerReader: Sendable {
  /// The text that has come and has not been read.
  var text: PendingText { get set }

  /// Goes one step on, and adds what is certain by now to `pieces`; false when more text is needed.
  mutating func step(_ pieces: inout [PlacedPiece]) -> Bool
}

extension AnswerReader {
  mutating func append(_ piece: String) -> [PlacedPiece] {
    text.append(piece)
    return read()
  }

  mutating func finish() -> [PlacedPiece] {
    text.isComplete = true
    return read()
  }

  private mutating func read() -> [PlacedPiece] {
    var pieces: [PlacedPiece] = []
    while step(&pieces) {}
    return pieces
  }
}
