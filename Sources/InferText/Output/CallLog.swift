/// A stretch of what a model has generated, and what it is.
public enum OutputPiece: Sendable, Equatable {
  /// A part of the reasoning.
  case reasoning(String)
  /// A part of the answer.
  case content(String)
  /// A call of a tool begins. `id` is the call's own name for itself, in formats that have one.
  case call(name: String, id: String?)
  /// A part of the last call's arguments: all parts joined are a JSON object.
  case arguments(String)
  /// The last call is complete. One without this has gone wrong or was cut off.
  case callEnd
}

/// A stretch of what a model has generated, and where it stands in the text that an ``OutputParser`` was given.
package struct PlacedPiece: Sendable, Equatable {
  /// The piece itself.
  package let piece: OutputPiece
  /// Bytes of the text before it. Reasoning and content are the bytes of the text from there on; a call, or a part of
  /// it, was read from text that begins there.
  package let offset: Int

  init(_ piece: OutputPiece, at offset: Int) {
    self.piece = piece
    self.offset = offset
  }
}

/// Collects what a reader finds of calls. A call counts once its name is known; only a complete one has an end.
struct CallLog: Sendable {
  /// Pieces that have not been told.
  private var pieces: [OutputPiece] = []
  /// Whether a call has begun and not ended.
  private(set) var isOpen = false

  /// Whether there is something to tell that the text up to here stood for.
  var hasProgress: Bool { !pieces.isEmpty }

  mutating func begin(_ name: String, id: String? = nil) {
    isOpen = true
    pieces.append(.call(name: name, id: id))
  }

  mutating func arguments(_ text: String) {
    if !text.isEmpty { pieces.append(.arguments(text)) }
  }

  /// The call is complete.
  mutating func end() {
    isOpen = false
    pieces.append(.callEnd)
  }

  /// The call has gone wrong.
  mutating func abandon() { isOpen = false }

  /// The pieces that have not been told.
  mutating func take() -> [OutputPiece] {
    defer { pieces = [] }
    return pieces
  }
}
