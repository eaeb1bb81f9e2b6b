import ArgumentParser
import Foundation

/// The path of a file or folder on the command line, which is there or not.
///
/// An empty one is refused: as a URL it would be the working folder.
struct PathArgument: Equatable, CustomStringConvertible {
  /// The path as it was given.
  let description: String

  /// The place that it names.
  var url: URL { URL(filePath: description) }

  /// - Throws: `ValidationError` for an empty path.
  init(_ argument: String) throws {
    guard !argument.isEmpty else { throw ValidationError("expected a path, found an empty text") }
    description = argument
  }
}
