internal import Foundation

/// Why a chat template could not be read or rendered.
public enum TemplateError: DescribedError, Equatable {
  /// A file cannot be read or does not hold a template.
  case file(String)
  /// The template is not well-formed; found when it is loaded.
  case syntax(line: Int, reason: String)
  /// The template does something that is not possible with these messages, or exceeds a limit.
  case evaluation(line: Int, reason: String)
  /// The template rejected the conversation with `raise_exception(message)`.
  case raised(String)
  /// The text became longer than was asked for.
  case tooLong(limit: Int)

  /// One line with the place and the reason.
  public var description: String {
    switch self {
    case .file(let reason): "chat template: \(reason)"
    case .syntax(let line, let reason): "chat template, line \(line): \(reason)"
    case .evaluation(let line, let reason): "chat template, line \(line): \(reason)"
    case .raised(let message): message
    case .tooLong(let limit): "chat template: the text is longer than \(limit) bytes"
    }
  }
}

/// Why an evaluation stops. The evaluator knows the line and adds it.
enum JinjaFailure: Error {
  case reason(String)
  case raised(String)
  case tooLong
}
