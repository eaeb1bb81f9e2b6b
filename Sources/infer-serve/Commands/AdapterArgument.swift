import ArgumentParser
import Foundation
import HybridBlocks

/// An adapter on the command line: `PATH` or `PATH=SCALE`, and where it has a name, that and another equals sign before
/// it.
struct AdapterArgument: Equatable {
  let adapter: Adapter

  /// An adapter that has a name, `NAME=PATH` or `NAME=PATH=SCALE`.
  ///
  /// - Throws: `ValidationError` for an empty name or path, and for a scale that is no number.
  static func named(_ argument: String) throws -> AdapterArgument {
    guard let end = argument.firstIndex(of: "="), end != argument.startIndex else {
      throw ValidationError("'\(argument)' is no adapter, expected NAME=PATH or NAME=PATH=SCALE")
    }
    return try AdapterArgument(String(argument[argument.index(after: end)...]), name: String(argument[..<end]))
  }

  /// An adapter without a name of its own.
  static func unnamed(_ argument: String) throws -> AdapterArgument { try AdapterArgument(argument, name: nil) }

  private init(_ argument: String, name: String?) throws {
    var (path, scale) = (argument, 1.0)
    // A path may have equals signs itself: what follows the last one is a scale where there is no such file.
    if let end = argument.lastIndex(of: "="), !FileManager.default.fileExists(atPath: argument) {
      let text = argument[argument.index(after: end)...]
      guard let number = Double(text), Float(number).isFinite else {
        throw ValidationError("'\(text)' of '\(argument)' is no scale, expected a number such as 0.5")
      }
      (path, scale) = (String(argument[..<end]), number)
    }
    adapter = Adapter(at: try PathArgument(path).url, name: name, scale: scale)
  }
}
