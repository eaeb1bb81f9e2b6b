import Foundation
import HTTPTypes
import InferCore
import Testing

@testable import infer_serve

/// The limits of a key over a time that the tests make up.
struct KeyUsageTests {
  private let start = ContinuousClock.now

  private func key(_ limits: KeyLimits) -> APIKey {
    var key = APIKey(name: "key", digest: KeyDigest(of: "sk"))
    key.limits = limits
    return key
  }

  private func admit(_ usage: KeyUsage, _ key: APIKey, after seconds: Double = 0) -> Result<Admission, LimitReached> {
    usage.admit(key, at: start + .seconds(seconds)).result
  }

  private func wait(_ result: Result<Admission, LimitReached>) -> Double? {
    guard case .failure(let reached) = result else { return nil }
    return reached.wait?.seconds
  }

  @Test func requestsComeBackOverAMinute() {
    let (usage, key) = (KeyUsage(), key(KeyLimits(requestsPerMinute: 60)))
    for _ in 0..<60 { #expect(wait(admit(usage, key)) == nil) }
    #expect(wait(admit(usage, key)) == 1)
    #expect(wait(admit(usage, key, after: 0.25)) == 0.75)
    #expect(wait(admit(usage, key, after: 1)) == nil)
    #expect(wait(admit(usage, key, after: 1)) == 1)
    // After however long there are no more than a minute's.
    for _ in 0..<60 { #expect(wait(admit(usage, key, after: 10_000)) == nil) }
    #expect(wait(admit(usage, key, after: 10_000)) == 1)
    // A clock that went back gives nothing.
    #expect(wait(admit(usage, key, after: 20)) == 1)
  }

  @Test func anAnswerThatCostMoreIsPaidBack() throws {
    let (usage, key) = (KeyUsage(), key(KeyLimits(tokensPerMinute: 60)))
    let first = try admit(usage, key).get()
    let second = try admit(usage, key).get()
    first.end(tokens: 100)
    // Once only.
    first.end(tokens: 100)
    second.end()
    #expect(wait(admit(usage, key)) == 41)
    #expect(wait(admit(usage, key, after: 40.5)) == 0.5)
    #expect(wait(admit(usage, key, after: 41)) == nil)
    let headers = usage.admit(key, at: start + .seconds(70)).headers
    #expect(headers[.knownName("x-ratelimit-limit-tokens")] == "60")
    #expect(headers[.knownName("x-ratelimit-remaining-tokens")] == "30")
    #expect(headers[.knownName("x-ratelimit-reset-tokens")] == "30s")
    #expect(headers[.knownName("x-ratelimit-limit-requests")] == nil)
  }

  @Test func anthropicsClientsAreToldInTheirForm() throws {
    let (usage, key) = (KeyUsage(), key(KeyLimits(requestsPerMinute: 60, tokensPerMinute: 60)))
    try admit(usage, key).get().end(tokens: 100)
    let date = Date(timeIntervalSince1970: 1_700_000_000.5)
    let (result, headers) = usage.admit(key, at: start, form: .anthropic, date: date)
    func told(_ name: String) -> String? { headers[.knownName("anthropic-ratelimit-\(name)")] }
    #expect(told("requests-limit") == "60" && told("requests-remaining") == "59")
    #expect(told("requests-reset") == "2023-11-14T22:13:22Z")
    #expect(told("tokens-limit") == "60" && told("tokens-remaining") == "0")
    #expect(told("tokens-reset") == "2023-11-14T22:15:01Z")
    #expect(headers[.knownName("x-ratelimit-limit-requests")] == "60" && wait(result) == 41)
    #expect(usage.admit(key, at: start).headers.allSatisfy { !$0.name.canonicalName.hasPrefix("anthropic") })
    // Of two limits the one counts that takes longer, whichever comes first.
    for _ in 0..<59 { #expect(wait(admit(usage, key, after: 41)) == nil) }
    try admit(usage, key, after: 41).get().end(tokens: 50)
    #expect(wait(admit(usage, key, after: 41)) == 50)
  }

  @Test func aPlaceIsFreeWhenItsAnswerIsOverOrDropped() throws {
    let (usage, key) = (KeyUsage(), key(KeyLimits(maxConcurrency: 2)))
    let first = try admit(usage, key).get()
    var second: Admission? = try admit(usage, key).get()
    #expect(throws: LimitReached.self) { try admit(usage, key).get() }
    withExtendedLifetime(second) {}
    second = nil
    let third = try admit(usage, key).get()
    #expect(throws: LimitReached.self) { try admit(usage, key).get() }
    first.end()
    let fourth = try admit(usage, key).get()
    withExtendedLifetime((first, third, fourth)) {}
  }

  /// What is refused takes nothing.
  @Test func aRefusalForOneLimitIsNotChargedToAnother() throws {
    let (usage, both) = (KeyUsage(), key(KeyLimits(requestsPerMinute: 2, maxConcurrency: 1)))
    let first = try admit(usage, both).get()
    for _ in 0..<10 { #expect(throws: LimitReached.self) { try admit(usage, both).get() } }
    first.end()
    try admit(usage, both).get().end()
    #expect(wait(admit(usage, both)) == 30)
    // A limit may change.
    #expect(wait(admit(usage, key(KeyLimits(requestsPerMinute: 3)))) == nil)
  }

  @Test(arguments: [(1, "1m0s"), (60, "1s"), (59, "2s"), (6000, "10ms")])
  func timesAreToldAsOpenAIDoes(limit: Int, text: String) {
    let headers = KeyUsage().admit(key(KeyLimits(requestsPerMinute: limit)), at: start).headers
    #expect(headers[.knownName("x-ratelimit-reset-requests")] == text)
  }
}
