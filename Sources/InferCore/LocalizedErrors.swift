public import Foundation

// Every error's `localizedDescription` is its description. Foundation's own would name a type and a number.

extension ConfigurationError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension JSONError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension ModelError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension RequestError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension TemplateError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension TokenizerError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}

extension WriteError: LocalizedError {
  /// See `description`.
  public var errorDescription: String? { description }
}
