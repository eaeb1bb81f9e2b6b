internal import Foundation
public import InferText

/// The reason for which state cannot be saved, or cannot be restored.
public enum StateFileError: DescribedError, Equatable {
  /// There is no such file.
  case missing(path: String)
  /// The system refuses to read the file.
  case unreadable(path: String, reason: String)
  /// The file is not what was written, or never was a file of state.
  case damaged(path: String, reason: String)
  /// The state is another model's, or has another format.
  case foreign(path: String, difference: String)
  /// The state belongs to the requests of another ``CacheScope``.
  case otherScope(path: String)
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
    case .missing(let path): "there is no file \(path)"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
    case .foreign(let path, let difference): "\(path) holds state that does not fit: \(difference)"
    case .otherScope(let path): "\(path) was saved under another cache salt"
    case .unwritable(let error): error.description
    case .nothingKept: "no state of these tokens is kept"
    case .outOfMemory: "running requests need the memory"
    case .unsupported(let reason): reason
    case .shutdown: "the engine has ended"
    }
  }
}
