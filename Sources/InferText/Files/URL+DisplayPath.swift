package import Foundation

extension URL {
  /// The place for people: a file's path as it is written in a shell without quotes, and behind it in parentheses the part
  /// of the file that a fragment names. Any other URL as it is.
  package var displayPath: String {
    let path = path(percentEncoded: false)
    // A path that is no UTF-8 text has no such form.
    guard isFileURL, !path.isEmpty else { return absoluteString }
    return fragment(percentEncoded: false).map { "\(path) (\($0))" } ?? path
  }

  /// The part of a file that has this name, such as a document in a GGUF file: the URL with the name as its fragment.
  package func part(_ name: String) -> URL {
    var components = URLComponents(url: self, resolvingAgainstBaseURL: true)
    components?.fragment = name
    return components?.url ?? self
  }
}
