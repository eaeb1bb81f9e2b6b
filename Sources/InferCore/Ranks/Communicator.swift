internal import Foundation
internal import InferText

/// The processes that compute one model together, as one of them sees them. MPI calls such a process a rank.
///
/// An implementation moves bytes; what ranks do together is written once, over ``exchange(sending:receiving:within:)``. Used
/// by one thread at a time.
package protocol Communicator: Sendable {
  /// The own number, within `0 ..< size`.
  var rank: Int { get }
  /// The number of ranks.
  var size: Int { get }
  /// The time after which a rank that others need is given up, while a model is computed.
  var patience: Duration { get }

  /// Sends and receives messages, all at once, and returns when the received ones are there and the sent ones may change.
  /// Messages from one rank to another arrive in the order in which they were sent.
  ///
  /// - Parameters:
  ///   - sending: the messages to other ranks.
  ///   - receiving: the messages to expect, of exactly the bytes that are sent.
  ///   - patience: the time after which an absent rank is given up; `nil` for none.
  /// - Throws: ``RankError`` that names the rank.
  func exchange(
    sending: [OutgoingMessage], receiving: [IncomingMessage], within patience: Duration?
  ) throws(RankError)

  /// Writes the error to standard error and ends the processes of all ranks.
  func abort(_ error: RankError) -> Never
}

/// Bytes for another rank.
@safe package struct OutgoingMessage {
  package let rank: Int
  package let bytes: UnsafeRawBufferPointer

  package init(to rank: Int, _ bytes: UnsafeRawBufferPointer) {
    self.rank = rank
    unsafe self.bytes = unsafe bytes
  }
}

/// A place for bytes from another rank.
@safe package struct IncomingMessage {
  package let rank: Int
  package let bytes: UnsafeMutableRawBufferPointer

  package init(from rank: Int, _ bytes: UnsafeMutableRawBufferPointer) {
    self.rank = rank
    unsafe self.bytes = unsafe bytes
  }
}

/// Why ranks cannot compute together.
package enum RankError: DescribedError, Equatable {
  /// A rank did not answer in time.
  case silent(rank: Int, after: Duration)
  /// The system below cannot reach a rank.
  case unreachable(rank: Int, reason: String)
  /// A rank is not as rank 0 is.
  case different(rank: Int, property: String, value: String, expected: String)
  /// A message makes no sense.
  case malformed(rank: Int, reason: String)

  /// One line for people.
  package var description: String {
    switch self {
    case .silent(let rank, let time):
      "rank \(rank) has not answered for \(time.components.seconds) s: it hangs, or the network to it does"
    case .unreachable(let rank, let reason): "rank \(rank) cannot be reached: \(reason)"
    case .different(let rank, let property, let value, let expected):
      "rank \(rank) has another \(property) than rank 0: \(value), expected \(expected)"
    case .malformed(let rank, let reason): "rank \(rank) has sent what cannot be: \(reason)"
    }
  }
}
