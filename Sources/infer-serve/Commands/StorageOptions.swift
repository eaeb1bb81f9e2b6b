import ArgumentParser
import Foundation
import InferCore
import Logging

/// What outlives a request, and where it is kept.
struct StorageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder for what is kept of requests, so that it outlives memory and a restart.", valueName: "path"),
    transform: PathArgument.init)
  var cacheDir: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Size of all files in --cache-dir at most, for each of several models; what was used longest ago goes first.",
      valueName: "MiB"))
  var cacheDirMib = CacheFolder.defaultMaxMiB

  @Option(
    help: ArgumentHelp(
      "Folder for sessions, which clients save and restore by name (/v1/sessions, /slots).", valueName: "path"),
    transform: PathArgument.init)
  var sessionDir: PathArgument?

  @Option(
    help: ArgumentHelp(
      "SQLite file for responses that clients store (/v1/responses), which then outlive a restart and the budget of "
        + "memory; it grows until they are deleted.", valueName: "path"), transform: PathArgument.init)
  var store: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stored responses in memory at most; those used longest ago go first.", valueName: "MiB"))
  var storeMib = 64

  func validate() throws {
    try require(1...(1 << 24), "cache-dir-mib", cacheDirMib)
    try require(0...1_048_576, "store-mib", storeMib)
  }

  /// The folder of the prefix cache; `nil` for none.
  ///
  /// - Parameter model: The name of one of several models, each of which has a folder of its own in there.
  func cacheFolder(of model: String?, warn: @escaping @Sendable (String) -> Void) -> CacheFolder? {
    cacheDir.map { folder in
      let name = model?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
      return CacheFolder(name.map { folder.url.appending(path: $0) } ?? folder.url, maxMiB: cacheDirMib, warn: warn)
    }
  }

  /// The folder of sessions, without what a process has left half-written there; `nil` for none.
  func sessionFolder() -> SessionFolder? {
    let folder = sessionDir.map { SessionFolder(url: $0.url) }
    folder?.removeUnfinished()
    return folder
  }

  /// - Throws: ``CommandFailure`` for another program's database, and for a file that could not be made.
  func checkFiles() throws(CommandFailure) {
    guard let store else { return }
    do throws(SQLiteFile.Fault) { try ResponseDatabase.file.check(store.description) } catch {
      throw CommandFailure(error.reason)
    }
  }

  /// The responses that clients store.
  ///
  /// - Throws: `CommandFailure` for another program's database, and for a file that cannot be made.
  func responses(_ logger: Logger) throws -> ResponseStore {
    ResponseStore(
      limit: storeMib << 20,
      database: try store.map { path in try ResponseDatabase(path: path.description, logger: logger) })
  }
}
