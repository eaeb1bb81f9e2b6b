public import Foundation

/// An error whose `localizedDescription` is its description. Foundation's own would name a type and a number.
public protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
  /// See `description`.
  public var errorDescription: String? { description }
}
