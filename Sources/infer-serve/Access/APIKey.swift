import Foundation
import InferText

/// A key's record: all that is known of a key but the key itself.
struct APIKey: Sendable, Equatable {
  /// The name, which logs and metrics tell and to which sessions and stored responses belong.
  var name: String
  var digest: KeyDigest
  /// The moment of its making, for people.
  var created: Date?
  /// The moment from which it counts no more, by the wall clock; `nil` for never.
  var expires: Date?
  var scopes: Set<KeyScope> = [.inference]
  var limits = KeyLimits()
  /// The models that it may use, by any of their names; `nil` for all.
  var models: [String]?
  /// The most urgent priority that its requests have; lower numbers go first.
  var priority = 0
  /// The salt of what its requests leave in the prefix cache: keys with the same salt, or with none, share it.
  var cacheSalt: String?

  /// `true` from the moment of expiry on.
  func isExpired(at now: Date) -> Bool { expires.map { $0 <= now } ?? false }

  /// The longest name, in bytes: with a session's it has to fit a file's name.
  static let maximumNameBytes = 64

  /// `true` for a name that a key can have: as a session's, and shorter.
  static func isName(_ name: String) -> Bool { SessionFields.isName(name) && name.utf8.count <= maximumNameBytes }

  /// The rule for names.
  static let nameRule =
    "1 to \(maximumNameBytes) letters, digits, '.', '_' and '-', and not begin with a dot"
}

/// The bounds of a key's requests; `nil` for none.
struct KeyLimits: Sendable, Equatable {
  var requestsPerMinute: Int?
  /// Tokens of prompts and answers.
  var tokensPerMinute: Int?
  /// Requests whose answers are not over.
  var maxConcurrency: Int?

  /// The numbers that a limit can have.
  static let range = 1...1_000_000_000
}
