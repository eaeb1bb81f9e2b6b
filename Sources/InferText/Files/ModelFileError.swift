internal import Foundation

/// Why one of the small files beside a model's weights cannot be used.
package enum ModelFileError: DescribedError, Equatable {
  /// A file cannot be opened or read.
  case unreadable(path: String, reason: String)
  /// A file is not what its name says.
  case malformed(path: String, reason: String)

  /// One line for people.
  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .malformed(let path, let reason): "\(path) is malformed: \(reason)"
    }
  }
}
