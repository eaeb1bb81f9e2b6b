import Foundation
import UnixSignals

/// Has files read again when they change, which is looked at once a second, and when the process gets SIGHUP.
struct FileWatch: Sendable {
  private let files: [URL]
  private let versions: [FileVersion?]
  private let reload: @Sendable () -> Void

  private static let interval = Duration.seconds(1)

  /// - Parameters:
  ///   - versions: The versions of the files that have been read, taken before.
  ///   - reload: Reads them; called once for each state of them, and at every signal.
  init(_ files: [URL], from versions: [FileVersion?], reload: @escaping @Sendable () -> Void) {
    self.files = files
    self.versions = versions
    self.reload = reload
  }

  /// Watches until the task is cancelled.
  func run() async {
    let (files, versions, reload) = (files, versions, reload)
    await withTaskGroup { group in
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { reload() }
      }
      group.addTask {
        var known = versions
        while (try? await Task.sleep(for: Self.interval)) != nil {
          let found = files.map { FileVersion($0) }
          if found != known { reload() }
          known = found
        }
      }
    }
  }
}
