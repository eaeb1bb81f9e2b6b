public import Foundation
public import InferText

/// Why a model cannot be loaded. Every case says what was wrong, where, and what was expected.
public enum ModelError: DescribedError, Equatable {
  /// A file cannot be opened or read.
  case unreadable(at: URL, reason: String)
  /// A file cannot be written.
  case unwritable(WriteError)
  /// A file, or the part of it that the URL's fragment names, is not what its name says.
  case malformed(at: URL, reason: String)
  /// A key of a model's configuration is missing, of the wrong type, or has a value that no model of the family has. Both
  /// file and key are named as the user has them: a key of `config.json`, or of the metadata of a GGUF file.
  case configuration(at: URL, key: String, reason: String)
  /// A tensor is missing, of the wrong shape or type, out of its file's bounds, or read by nobody.
  case tensor(name: String, reason: String)
  /// The model cannot be run in the way that was asked for.
  case unsuitable(String)
  /// The system refuses memory, or a budget is too small for even one sequence.
  case outOfMemory(String)
  /// The system refuses a thread.
  case outOfThreads(String)
  /// Loading was cancelled; see `LoadOptions/isCancelled`.
  case cancelled

  /// One line for people.
  public var description: String {
    switch self {
    case .unreadable(let url, let reason): "cannot read \(url.displayPath): \(reason)"
    case .unwritable(let error): error.description
    case .malformed(let url, let reason): "\(url.displayPath) is malformed: \(reason)"
    case .configuration(let url, let key, let reason): "\(url.displayPath): \(key): \(reason)"
    case .tensor(let name, let reason): "tensor \(name): \(reason)"
    case .unsuitable(let reason), .outOfMemory(let reason), .outOfThreads(let reason): reason
    case .cancelled: "loading was cancelled"
    }
  }
}

extension ModelError {
  /// The error of a small file beside the weights.
  package init(_ error: ModelFileError) {
    self =
      switch error {
      case .unreadable(let url, let reason): .unreadable(at: url, reason: reason)
      case .malformed(let url, let reason): .malformed(at: url, reason: reason)
      }
  }
}
