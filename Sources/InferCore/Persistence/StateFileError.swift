public import Foundation
public import InferText

/// The reason for which state cannot be saved, or cannot be restored.
public enum StateFileError: DescribedError, Equatable {
  /// There is no such file.
  case missing(at: URL)
  /// The system refuses to read the file.
  case unreadable(at: URL, reason: String)
  /// The file is not what was written, or never was a file of state.
  case damaged(at: URL, reason: String)
  /// The state is another model's, or has another format.
  case foreign(at: URL, difference: String)
  /// The state belongs to the requests of another ``CacheScope``.
  case otherScope(at: URL)
  /// The file cannot be written.
  case unwritable(WriteError)
  /// No state of these tokens is kept.
  case nothingKept
  /// Running requests need the memory.
  case outOfMemory
  /// The engine keeps no prefixes, or its model has no fingerprint.
  case unsupported(reason: String)
  /// The engine has ended.
  case shutdown

  /// One line for people.
  public var description: String {
    switch self {
    case .missing(let url): "there is no file \(url.displayPath)"
    case .unreadable(let url, let reason): "cannot read \(url.displayPath): \(reason)"
    case .damaged(let url, let reason): "\(url.displayPath) is damaged: \(reason)"
    case .foreign(let url, let difference): "\(url.displayPath) holds state that does not fit: \(difference)"
    case .otherScope(let url): "\(url.displayPath) was saved under another cache salt"
    case .unwritable(let error): error.description
    case .nothingKept: "no state of these tokens is kept"
    case .outOfMemory: "running requests need the memory"
    case .unsupported(let reason): reason
    case .shutdown: "the engine has ended"
    }
  }
}
