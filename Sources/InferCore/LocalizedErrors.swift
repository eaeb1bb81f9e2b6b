public import Foundation

/// An error whose `localizedDescription` is its description. Foundation's own would name a type and a number.
public protocol DescribedError: LocalizedError, CustomStringConvertible {}

extension DescribedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension ConfigurationError: DescribedError {}
extension JSONError: DescribedError {}
extension ModelError: DescribedError {}
extension RequestError: DescribedError {}
extension TemplateError: DescribedError {}
extension TokenizerError: DescribedError {}
extension WriteError: DescribedError {}
