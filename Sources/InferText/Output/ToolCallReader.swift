/// Reads the calls of one format, from behind the marker that announces them.
///
/// Every step reads as much as belongs together and can be decided; so it makes no difference how the text was cut.
protocol ToolCallReader: Sendable {
  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep
}

enum ReaderStep: Equatable {
  /// Something was read; there may be more to read.
  case again
  /// More text is needed.
  case more
  /// The text has ended in a call.
  case cut
  /// The calls are over; what follows is no part of them.
  case done
  /// This is no call. What the step would have read has not been read.
  case failed
}

/// The announcement of calls.
struct CallMarker: Sendable {
  let literal: [UInt8]
  /// Whether the marker is a part of what the reader reads.
  var isRead = false
  /// Whether it counts only as the first of the text.
  var isOnlyFirst = false

  init(_ literal: String, isRead: Bool = false, isOnlyFirst: Bool = false) {
    self.literal = Array(literal.utf8)
    self.isRead = isRead
    self.isOnlyFirst = isOnlyFirst
  }
}

extension PendingText {
  /// Reads what may end calls, when no further call begins here.
  ///
  /// - Parameters:
  ///   - closings: What may end the calls; they are over without as well.
  ///   - call: What would begin another call.
  mutating func end(with closings: [String], unless call: String? = nil) -> ReaderStep {
    skipSpace()
    var isPossible = call.map { match(Array($0.utf8)) == .possible } ?? false
    for closing in closings {
      switch match(Array(closing.utf8)) {
      case .found:
        skip(closing.utf8.count)
        return .done
      case .possible: isPossible = true
      case .absent: break
      }
    }
    return isPossible ? .more : .done
  }

  /// Names and keys are short; what goes on for longer is none.
  static let longestName = 512

  /// Reads a short text and the literal behind it. `nil` when there is none, or, if `needsMore`, when it is not there
  /// yet.
  mutating func takeName(before literal: [UInt8], needsMore: inout Bool) -> String? {
    guard let name = takeName(upTo: [literal], needsMore: &needsMore) else { return nil }
    skip(literal.count)
    return name
  }

  /// Reads a short text up to the first of several literals, which stays.
  mutating func takeName(upTo literals: [[UInt8]], needsMore: inout Bool) -> String? {
    let (offset, match, _) = search(literals)
    needsMore = match != .found && offset <= Self.longestName
    guard match == .found, offset <= Self.longestName else { return nil }
    return take(offset)
  }
}
