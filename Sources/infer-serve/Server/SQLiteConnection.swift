import Foundation
import GRDB
import InferCore
import Logging

/// A server's SQLite file, through what may happen to it while the server runs.
///
/// A damaged file is moved aside, and a new one takes its place; so does one where the file is gone. While a file is locked,
/// or its disk full, nothing waits for it: it is tried once in a while. The log tells when a file cannot be used, and when it
/// can be again.
final class SQLiteConnection: Sendable {
  private struct State {
    /// `nil` while the file is not open.
    var queue: DatabaseQueue?
    /// The file that is open.
    var identity: FileIdentity?
    /// Why the file is not to be used any more, whatever opening it shows.
    var damage: String?
    /// The fault of the last use; `nil` for none.
    var fault: SQLiteFile.Fault?
    /// When a file that cannot be used is tried again.
    var nextTry = ContinuousClock.now
  }

  /// The time between two tries of a file that cannot be used.
  static let pause = Duration.seconds(1)

  let path: String
  private let isServing: Bool
  private let file: SQLiteFile
  private let logger: Logger
  private let state = Monitor(State())

  /// Opens a file, which is made unless it is there.
  ///
  /// - Parameter isServing: `false` for who only looks at a file, and leaves one that is damaged where it is.
  /// - Throws: `SQLiteFile.Fault` for another program's database, and for a file that cannot be made or read. One that is
  ///   locked, or on a full disk, a server opens later.
  init(_ file: SQLiteFile, path: String, isServing: Bool = true, logger: Logger) throws(SQLiteFile.Fault) {
    self.file = file
    self.path = path
    self.isServing = isServing
    self.logger = logger
    do throws(SQLiteFile.Fault) { try useOnce { _ in } } catch {
      guard isServing, case .passing = error else { throw error }
      fail(error)
    }
  }

  /// Whether the file could not be used the last time.
  var isFailing: Bool { state.withLock { $0.fault != nil } }

  /// Has `body` use the file: once more where the file is found to be damaged, with the one in its place.
  ///
  /// - Parameters:
  ///   - insists: `false` for who does not wait for a file that could not be used a moment ago.
  ///   - changes: `false` for who only reads: a full disk lets that pass.
  /// - Throws: `SQLiteFile.Fault`.
  func use<Result>(
    insists: Bool = false, changes: Bool = true, _ body: (DatabaseQueue) throws -> Result
  ) throws(SQLiteFile.Fault) -> Result {
    let before = try state.withLock { (state) throws(SQLiteFile.Fault) in
      if let fault = state.fault, !insists, state.nextTry > .now { throw fault }
      return state.fault
    }
    do throws(SQLiteFile.Fault) {
      let result: Result
      do throws(SQLiteFile.Fault) { result = try useOnce(body) } catch {
        guard case .damaged = error else { throw error }
        result = try useOnce(body)
      }
      if before != nil, changes { recover() }
      return result
    } catch {
      fail(error)
      throw error
    }
  }

  private func useOnce<Result>(_ body: (DatabaseQueue) throws -> Result) throws(SQLiteFile.Fault) -> Result {
    let queue = try state.withLock { (state) throws(SQLiteFile.Fault) in try opened(&state) }
    do { return try body(queue) } catch {
      let fault = file.fault(of: error, path)
      state.withLock { state in
        // Somebody else may have seen to it meanwhile.
        guard state.queue === queue else { return }
        switch fault {
        case .damaged(let reason): (state.queue, state.damage) = (nil, reason)
        case .unusable, .foreign: state.queue = nil
        case .passing: break
        }
      }
      throw fault
    }
  }

  private func opened(_ state: inout State) throws(SQLiteFile.Fault) -> DatabaseQueue {
    if state.queue != nil, FileIdentity(path) != state.identity {
      logger.error("database is gone", metadata: ["contents": "\(file.contents)", "file": "\(path)"])
      state.queue = nil
    }
    if let queue = state.queue { return queue }
    if let damage = state.damage.take() { try moveAside(because: damage) }
    let queue: DatabaseQueue
    do throws(SQLiteFile.Fault) { queue = try file.open(path) } catch {
      guard case .damaged(let reason) = error else { throw error }
      try moveAside(because: reason)
      queue = try file.open(path)
    }
    (state.queue, state.identity) = (queue, FileIdentity(path))
    return queue
  }

  private func moveAside(because reason: String) throws(SQLiteFile.Fault) {
    guard isServing else { throw .damaged(reason) }
    do {
      let name = try SQLiteFile.moveAside(path)
      logger.error(
        "database moved aside",
        metadata: ["contents": "\(file.contents)", "file": "\(path)", "reason": "\(reason)", "to": "\(name)"])
    } catch { throw .unusable("\(reason), and it cannot be moved aside: \(error.localizedDescription)") }
  }

  private func fail(_ fault: SQLiteFile.Fault) {
    let isNew = state.withLock { state in
      defer { (state.fault, state.nextTry) = (fault, .now + Self.pause) }
      return state.fault == nil
    }
    guard isNew else { return }
    logger.error("database cannot be used", metadata: ["contents": "\(file.contents)", "error": "\(fault.reason)"])
  }

  private func recover() {
    let wasFailing = state.withLock { $0.fault.take() != nil }
    guard wasFailing else { return }
    logger.notice("database can be used again", metadata: ["contents": "\(file.contents)", "file": "\(path)"])
  }
}
