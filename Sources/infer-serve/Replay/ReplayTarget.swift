import Foundation
import NIOHTTP1

/// Where requests go: a server, the path of its completions, and the headers that all requests have.
struct ReplayTarget: Sendable {
  /// The two forms of completions.
  enum API: String, Sendable {
    case completions = "openai"
    case chat = "openai-chat"
  }

  let base: String
  let endpoint: String
  let headers: HTTPHeaders

  /// - Parameters:
  ///   - base: A URL such as `http://127.0.0.1:8080`, also with `/v1` behind it.
  ///   - endpoint: The path of completions, from the root of the server on.
  ///   - headers: Headers beside those that every request with a JSON body has.
  ///   - option: The option that gave `base`.
  init(
    base: String, endpoint: String, headers: [(name: String, value: String)] = [], option: String = "base-url"
  ) throws(CommandFailure) {
    guard let url = URL(string: base), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = url.host, !host.isEmpty, url.query == nil
    else {
      throw CommandFailure("--\(option) must be a URL such as http://127.0.0.1:8080, not \"\(base)\"")
    }
    guard endpoint.hasPrefix("/"), !endpoint.contains(where: \.isWhitespace) else {
      throw CommandFailure("--endpoint must be a path such as /v1/completions, not \"\(endpoint)\"")
    }
    var base = base[...]
    while base.hasSuffix("/") { base.removeLast() }
    if base.hasSuffix("/v1") { base.removeLast(3) }
    self.base = String(base)
    self.endpoint = endpoint
    var fields = HTTPHeaders([("Content-Type", "application/json"), ("User-Agent", Software.name)])
    for (name, value) in headers { fields.replaceOrAdd(name: name, value: value) }
    self.headers = fields
  }

  var api: API { endpoint.hasSuffix("chat/completions") ? .chat : .completions }

  /// The address of completions.
  var url: String { base + endpoint }
}
