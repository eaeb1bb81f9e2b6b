/// The path under which a proxy has the server, as `/llm`.
struct RootPath: Sendable, Equatable {
  /// The path without a slash at its end; empty for none.
  let text: String

  static let none = RootPath(text: "")

  private init(text: String) { self.text = text }

  /// The path of an option; `nil` for a text that is none.
  init?(_ option: String) {
    let text = option.hasSuffix("/") ? String(option.dropLast()) : option
    let isPlain = text.utf8.allSatisfy { (0x21...0x7e).contains($0) && !#"?#"\<>^`{|}"#.utf8.contains($0) }
    guard option.hasPrefix("/"), isPlain, !text.contains("//") else { return nil }
    self.init(text: text)
  }

  /// A request's target without the path. One that does not begin with it is as it was: some proxies take it off.
  func removed(from target: String) -> String {
    guard !text.isEmpty, target.hasPrefix(text) else { return target }
    let rest = target.dropFirst(text.count)
    switch rest.first {
    case "/": return String(rest)
    case nil, "?": return "/" + rest
    default: return target
    }
  }
}
