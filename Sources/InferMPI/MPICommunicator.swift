#if MPI
  internal import CMPI
  internal import Glibc
  package import InferCore

  /// The ranks of an MPI job, whose processes `mpirun` started.
  package final class MPICommunicator: Communicator {
    package let rank: Int
    package let size: Int
    package let patience: Duration

    /// Joins the job. Once in a process, before others' threads use MPI.
    ///
    /// - Parameter patience: The time after which a rank that others need is given up.
    /// - Throws: ``RankError`` when the process is in no job that it could join.
    package init(patience: Duration) throws(RankError) {
      var (rank, size): (Int32, Int32) = (0, 0)
      let error = unsafe cmpi_start(&rank, &size)
      guard error == 0 else { throw .unreachable(rank: Int(rank), reason: Self.text(of: error)) }
      guard size <= CMPI_MAX_RANKS else {
        throw .malformed(rank: 0, reason: "a job of \(size) ranks, expected \(CMPI_MAX_RANKS) at most")
      }
      (self.rank, self.size, self.patience) = (Int(rank), Int(size), patience)
    }

    /// Leaves the job; returns when all ranks do.
    package func leave() { cmpi_finish() }

    package func exchange(
      sending: [OutgoingMessage], receiving: [IncomingMessage], within patience: Duration?
    ) throws(RankError) {
      let sent = unsafe sending.map { message in
        unsafe cmpi_message(
          rank: Int32(message.rank), bytes: UnsafeMutableRawPointer(mutating: message.bytes.baseAddress),
          count: message.bytes.count)
      }
      let received = unsafe receiving.map { message in
        unsafe cmpi_message(
          rank: Int32(message.rank), bytes: message.bytes.baseAddress, count: message.bytes.count)
      }
      for (rank, count) in unsafe (sent + received).map({ unsafe ($0.rank, $0.count) }) where count > Int(Int32.max) {
        throw .malformed(rank: Int(rank), reason: "a message of \(count) bytes")
      }
      var culprit: Int32 = 0
      let seconds = patience?.seconds ?? -1
      let error = unsafe cmpi_exchange(
        sent, Int32(sent.count), received, Int32(received.count), seconds, &culprit)
      switch Int(error) {
      case CMPI_DONE: return
      case CMPI_LATE: throw .silent(rank: Int(culprit), after: patience ?? .zero)
      case CMPI_OTHER_SIZE: throw .malformed(rank: Int(culprit), reason: "a message of another length")
      default: throw .unreachable(rank: Int(culprit), reason: Self.text(of: error))
      }
    }

    package func abort(_ error: RankError) -> Never {
      let line = "infer-serve: rank \(rank) of \(size): \(error); the job ends\n"
      unsafe _ = line.utf8.withContiguousStorageIfAvailable { unsafe write(2, $0.baseAddress, $0.count) }
      cmpi_abort(EX_UNAVAILABLE)
      _exit(EX_UNAVAILABLE)
    }

    private static func text(of error: Int32) -> String {
      var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
      unsafe cmpi_describe(error, &text)
      return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
#endif
