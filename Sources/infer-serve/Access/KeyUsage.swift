import Foundation
import HTTPTypes
import InferCore

/// The requests of a key that are under way, and those of late, as its limits count them.
final class KeyUsage: Sendable {
  fileprivate struct State {
    var running = 0
    var requests = TokenBucket()
    var tokens = TokenBucket()
  }

  private let state = Monitor(State())

  /// Takes a request on, or refuses it for the limit that it would pass. O(1).
  ///
  /// - Parameters:
  ///   - form: The API, whose header fields tell of the limits beside OpenAI's.
  ///   - date: The moment by the wall clock.
  /// - Returns: The request's place, and header fields that tell of the limits.
  func admit(
    _ key: APIKey, at now: ContinuousClock.Instant = .now, form: ErrorForm = .openAI, date: Date = Date()
  ) -> (result: Result<Admission, LimitReached>, headers: HTTPFields) {
    state.withLock { state in
      let reached = state.limitReached(key, at: now)
      if reached == nil {
        state.running += 1
        state.requests.take(1)
      }
      let headers = state.headers(key.limits, at: now, form, date)
      if let reached { return (.failure(reached), headers) }
      return (.success(Admission(self)), headers)
    }
  }

  fileprivate func end(tokens: Int) {
    state.withLock { state in
      state.running -= 1
      state.tokens.take(tokens)
    }
  }
}

/// A request's place among those of its key, which it has until its answer is over.
final class Admission: Sendable {
  private let usage: Monitor<KeyUsage?>

  fileprivate init(_ usage: KeyUsage) { self.usage = Monitor(usage) }

  /// Gives the place back, and charges the key with the tokens of prompt and answer. Does nothing the second time.
  func end(tokens: Int = 0) {
    usage.withLock { $0.take() }?.end(tokens: tokens)
  }

  deinit { end() }
}

/// A limit of a key that has been reached.
struct LimitReached: Error, Equatable {
  /// The kinds of limits, by the names that metrics have for them.
  enum Kind: String { case requests, tokens, concurrency }

  var kind: Kind
  /// The limit in words.
  var limit: String
  /// The time after which a request may be taken; `nil` where that is not known.
  var wait: Duration?
}

extension KeyUsage.State {
  fileprivate mutating func limitReached(_ key: APIKey, at now: ContinuousClock.Instant) -> LimitReached? {
    let limits = key.limits
    if let limit = limits.maxConcurrency, running >= limit {
      return LimitReached(kind: .concurrency, limit: "\(limit) requests at the same time", wait: nil)
    }
    var reached: [LimitReached] = []
    if let limit = limits.requestsPerMinute, requests.rest(of: limit, at: now) < 1 {
      let wait = requests.wait(for: 1, of: limit)
      reached.append(LimitReached(kind: .requests, limit: "\(limit) requests a minute", wait: wait))
    }
    if let limit = limits.tokensPerMinute, tokens.rest(of: limit, at: now) < 1 {
      let wait = tokens.wait(for: 1, of: limit)
      reached.append(LimitReached(kind: .tokens, limit: "\(limit) tokens a minute", wait: wait))
    }
    // Of two, the one that has to be waited for longer.
    return reached.max { ($0.wait ?? .zero) < ($1.wait ?? .zero) }
  }

  /// OpenAI's header fields about limits, and Anthropic's for its own API.
  fileprivate mutating func headers(
    _ limits: KeyLimits, at now: ContinuousClock.Instant, _ form: ErrorForm, _ date: Date
  ) -> HTTPFields {
    var headers = HTTPFields()
    func tell(_ name: String, _ limit: Int, _ bucket: inout TokenBucket) {
      let rest = bucket.rest(of: limit, at: now)
      headers[.knownName("x-ratelimit-limit-\(name)")] = "\(limit)"
      headers[.knownName("x-ratelimit-remaining-\(name)")] = "\(Int(max(0, rest)))"
      let wait = bucket.wait(for: Double(limit), of: limit)
      headers[.knownName("x-ratelimit-reset-\(name)")] = Self.text(wait)
      guard form == .anthropic else { return }
      headers[.knownName("anthropic-ratelimit-\(name)-limit")] = "\(limit)"
      headers[.knownName("anthropic-ratelimit-\(name)-remaining")] = "\(Int(max(0, rest)))"
      let reset = Date(timeIntervalSince1970: (date.timeIntervalSince1970 + wait.seconds).rounded(.up))
      headers[.knownName("anthropic-ratelimit-\(name)-reset")] = reset.formatted(.iso8601)
    }
    // Anthropic counts tokens of prompts and answers apart as well, which here have one limit.
    if let limit = limits.requestsPerMinute { tell("requests", limit, &requests) }
    if let limit = limits.tokensPerMinute { tell("tokens", limit, &tokens) }
    return headers
  }

  /// A time as those header fields have it: `12ms`, `1s`, `6m0s`.
  private static func text(_ time: Duration) -> String {
    let milliseconds = Int((time.seconds * 1000).rounded(.up))
    guard milliseconds >= 1000 else { return "\(milliseconds)ms" }
    let seconds = (milliseconds + 999) / 1000
    return seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
  }
}
