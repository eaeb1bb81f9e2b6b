package import InferCore

/// A rank that is a thread of this process: messages are copies in memory.
package final class LocalCommunicator: Communicator {
  /// Messages that have been sent and not received, by `[sender][receiver]`.
  private typealias Mailboxes = [[Monitor<[[UInt8]]>]]

  package let rank: Int
  package let patience: Duration
  private let mailboxes: Mailboxes

  private init(_ rank: Int, _ mailboxes: Mailboxes, patience: Duration) {
    self.rank = rank
    self.mailboxes = mailboxes
    self.patience = patience
  }

  /// As many ranks as are wanted, one for each thread.
  package static func ranks(_ count: Int, patience: Duration = .seconds(30)) -> [LocalCommunicator] {
    let mailboxes = (0..<count).map { _ in (0..<count).map { _ in Monitor<[[UInt8]]>([]) } }
    return (0..<count).map { LocalCommunicator($0, mailboxes, patience: patience) }
  }

  package var size: Int { mailboxes.count }

  package func exchange(
    sending: [OutgoingMessage], receiving: [IncomingMessage], within patience: Duration?
  ) throws(RankError) {
    for message in sending {
      let bytes = unsafe Array(message.bytes)
      mailboxes[rank][message.rank].change { $0.append(bytes) }
    }
    let deadline = patience.map { ContinuousClock.now + $0 }
    for message in receiving {
      let mailbox = mailboxes[message.rank][rank]
      mailbox.wait(until: deadline) { !$0.isEmpty }
      guard let bytes = mailbox.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
        throw .silent(rank: message.rank, after: patience ?? .zero)
      }
      let expected = unsafe message.bytes.count
      guard bytes.count == expected else {
        throw .malformed(rank: message.rank, reason: "\(bytes.count) bytes, expected \(expected)")
      }
      unsafe message.bytes.copyBytes(from: bytes)
    }
  }

  package func abort(_ error: RankError) -> Never { fatalError("rank \(rank): \(error)") }
}
