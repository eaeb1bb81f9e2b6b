import ArgumentParser
import Foundation
import InferText

/// The options for the server that is measured, and for how it is asked.
struct ReplayServerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The server, http or https.", valueName: "url"))
  var baseUrl = "http://127.0.0.1:8080"

  @Option(
    help: ArgumentHelp(
      "Path of completions (default: /v1/completions, of conversations /v1/chat/completions).", valueName: "path"))
  var endpoint: String?

  @Option(help: ArgumentHelp("Name to ask for (default: the first under /v1/models).", valueName: "name"))
  var model: String?

  @Option(help: ArgumentHelp("A header, NAME=VALUE or \"NAME: VALUE\". May be repeated.", valueName: "header"))
  var header: [String] = []

  @Option(help: ArgumentHelp("Key to send as a bearer token (default: OPENAI_API_KEY).", valueName: "key"))
  var apiKey: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Temperature of sampling.", valueName: "number"))
  var temperature = 0.0

  @Flag(
    inversion: .prefixedNo,
    help: "Ask for answers of full length (default: yes, but of conversations no, whose answers then end as they do).")
  var ignoreEos: Bool?

  @Option(help: ArgumentHelp("Members to add to every request, as a JSON object.", valueName: "json"))
  var extraBody: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Time for an answer at most.", valueName: "seconds"))
  var requestTimeout = 21_600

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Time to wait for a server that is starting.", valueName: "seconds"))
  var readyCheckTimeoutSec = 0

  func validate() throws {
    try require(0...100, "temperature", temperature)
    try require(1...1_000_000, "request-timeout", requestTimeout)
    try require(0...1_000_000, "ready-check-timeout-sec", readyCheckTimeoutSec)
    _ = try extraMembers()
    _ = try headers()
  }

  /// The server, and the path that requests go to.
  func target(forConversations isChat: Bool) throws -> ReplayTarget {
    let path = endpoint ?? (isChat ? "/v1/chat/completions" : "/v1/completions")
    let target = try ReplayTarget(base: baseUrl, endpoint: path, headers: headers())
    guard target.api == .chat || !isChat else {
      throw CommandFailure("--conversations needs an --endpoint that ends with chat/completions, not \(path)")
    }
    return target
  }

  /// The bodies of requests, but for the model's name where no option tells it.
  func template(_ api: ReplayTarget.API, forConversations isChat: Bool) throws -> CompletionTemplate {
    CompletionTemplate(
      model: model ?? "", api: api, temperature: temperature, ignoresEnd: ignoreEos ?? !isChat,
      extra: try extraMembers())
  }

  private func extraMembers() throws -> JSONObject {
    guard let extraBody else { return [:] }
    guard let members = try? JSONValue(parsing: extraBody).object else {
      throw ValidationError("--extra-body must be a JSON object, not \(extraBody)")
    }
    return members
  }

  private func headers() throws -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    if let key = apiKey ?? ProcessInfo.processInfo.environment["OPENAI_API_KEY"], !key.isEmpty {
      headers.append(("Authorization", "Bearer \(key)"))
    }
    for text in header {
      guard let end = text.firstIndex(where: { $0 == ":" || $0 == "=" }), end > text.startIndex else {
        throw ValidationError("--header must be NAME=VALUE or \"NAME: VALUE\", not \"\(text)\"")
      }
      headers.append((String(text[..<end]), text[text.index(after: end)...].trimmingCharacters(in: .whitespaces)))
    }
    return headers
  }
}
