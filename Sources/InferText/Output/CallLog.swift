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

/// Collects what a reader finds of a call, and decides when it counts.
///
/// When answers are streamed, a call counts once its name is known; otherwise when it is complete, so that one that
/// breaks off is told as it stands in the text. Only a complete one has an end.
struct CallLog: Sendable {
  /// Pieces that count and have not been told.
  private var certain: [OutputPiece] = []
  /// Pieces of a call that does not count yet.
  private var held: [OutputPiece] = []
  private let isStreaming: Bool
  /// Whether a call has begun and not ended.
  private(set) var isOpen = false
  /// Whether something has come to count that the text up to here stood for.
  private(set) var hasProgress = false

  init(streaming: Bool) { isStreaming = streaming }

  mutating func begin(_ name: String, id: String? = nil) {
    isOpen = true
    add(.call(name: name, id: id))
  }

  mutating func arguments(_ text: String) {
    if !text.isEmpty { add(.arguments(text)) }
  }

  /// The call is complete.
  mutating func end() {
    isOpen = false
    certain += held + [.callEnd]
    held = []
    hasProgress = true
  }

  /// The call turned out to be none.
  mutating func abandon() {
    isOpen = false
    held = []
  }

  /// The pieces that have come to count.
  mutating func take() -> [OutputPiece] {
    defer { (certain, hasProgress) = ([], false) }
    return certain
  }

  private mutating func add(_ piece: OutputPiece) {
    if isStreaming {
      certain.append(piece)
      hasProgress = true
    } else {
      held.append(piece)
    }
  }
}
