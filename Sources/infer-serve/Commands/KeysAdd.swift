import ArgumentParser
import Foundation
import InferText

/// `infer-serve keys add`: prints a new key, once.
struct KeysAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Makes a key and prints it, once; makes the file if there is none.")

  @OptionGroup var place: KeyFileOptions

  @Argument(help: "The name that logs, metrics and lists tell the key by.")
  var name: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("What it may use: inference, metrics, cache, admin (default: inference).", valueName: "scope"))
  var scope: [KeyScope] = []

  @Option(help: ArgumentHelp("When it ends, like 2027-01-31T00:00:00Z (default: never).", valueName: "time"))
  var expires: Expiry?

  @Option(parsing: .unconditional, help: ArgumentHelp("Requests in a minute at most.", valueName: "count"))
  var requestsPerMinute: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of prompts and answers in a minute.", valueName: "count"))
  var tokensPerMinute: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("Requests at the same time at most.", valueName: "count"))
  var maxConcurrency: Int?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Models that it may use, by names under /v1/models (default: all).", valueName: "name"))
  var models: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The most urgent priority of its requests; lower numbers go first.", valueName: "number"))
  var priority = 0

  @Option(
    help: ArgumentHelp(
      "Salt of its part of the prefix cache, which keys with another salt, or with none, do not see.",
      valueName: "text"))
  var cacheSalt: String?

  func validate() throws {
    guard APIKey.isName(name) else { throw ValidationError("the name must have \(APIKey.nameRule), not '\(name)'") }
    let range = KeyLimits.range
    try require(range, "requests-per-minute", requestsPerMinute)
    try require(range, "tokens-per-minute", tokensPerMinute)
    try require(range, "max-concurrency", maxConcurrency)
    try require(0...SchedulingFields.maximumPriority, "priority", priority)
    guard (cacheSalt?.utf8.count ?? 0) <= SchedulingFields.maximumBytes else {
      throw ValidationError("--cache-salt must have at most \(SchedulingFields.maximumBytes) bytes")
    }
  }

  func run() throws {
    let text = KeyDigest.makeKey()
    var key = APIKey(name: name, digest: KeyDigest(of: text))
    key.created = Date()
    key.expires = expires?.date
    if !scope.isEmpty { key.scopes = Set(scope) }
    key.limits = KeyLimits(
      requestsPerMinute: requestsPerMinute, tokensPerMinute: tokensPerMinute, maxConcurrency: maxConcurrency)
    key.models = models.isEmpty ? nil : models
    key.priority = priority
    key.cacheSalt = cacheSalt
    try KeyFileEditor(place.file.url).edit { keys throws(CommandFailure) in
      guard !keys.contains(where: { $0.name.isExactly(name) }) else {
        throw CommandFailure("\(place.file) has a key of the name '\(name)'; revoke it first, or choose another")
      }
      keys.append(key)
    }
    try emit(text + "\n")
  }
}

/// A moment on the command line, as RFC 3339 writes it.
struct Expiry: ExpressibleByArgument {
  let date: Date

  init?(argument: String) {
    guard let date = Timestamp.date(argument) else { return nil }
    self.date = date
  }
}

extension KeyScope: ExpressibleByArgument {}
