public import Foundation

/// An error whose `localizedDescription` is its description. Foundation's own would name a type and a number.
public protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension ConstraintError: DescribedError {}
extension JSONError: DescribedError {}
extension ModelFileError: DescribedError {}
extension TemplateError: DescribedError {}
extension TokenizerError: DescribedError {}
