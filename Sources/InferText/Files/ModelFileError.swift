package import Foundation

/// Why one of the small files beside a model's weights cannot be used.
package enum ModelFileError: DescribedError, Equatable {
  /// A file cannot be opened or read.
  case unreadable(at: URL, reason: String)
  /// A file is not what its name says.
  case malformed(at: URL, reason: String)

  /// One line for people.
  package var description: String {
    switch self {
    case .unreadable(let url, let reason): "cannot read \(url.displayPath): \(reason)"
    case .malformed(let url, let reason): "\(url.displayPath) is malformed: \(reason)"
    }
  }
}
