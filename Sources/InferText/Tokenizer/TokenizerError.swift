internal import Foundation

/// Why a tokenizer could not be loaded, or a text not be encoded.
public enum TokenizerError: DescribedError, Equatable {
  /// A file cannot be read or is not JSON.
  case file(String, reason: String)
  /// A field is missing, has the wrong kind or contradicts another one; `path` is its place, as in `model.merges[3]`.
  case invalid(path: String, reason: String)
  /// The file asks for something this tokenizer does not do; ignoring it would give wrong tokens.
  case unsupported(path: String, what: String)
  /// A pattern took more matching steps or memory than allowed on this text, at this byte of the piece it ran over.
  case regexLimit(pattern: String, offset: Int)

  /// One line that names the file, the place and the reason.
  public var description: String {
    switch self {
    case .file(let name, let reason): "\(name): \(reason)"
    case .invalid(let path, let reason): "tokenizer: \(path): \(reason)"
    case .unsupported(let path, let what): "tokenizer: \(path): \(what) is not supported"
    case .regexLimit(let pattern, let offset):
      "tokenizer: the pattern \(pattern) exceeds its matching limit at byte \(offset) of the text"
    }
  }
}
