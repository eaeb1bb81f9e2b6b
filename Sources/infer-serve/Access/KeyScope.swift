/// The part of the server that an operation belongs to, for which a key needs leave.
enum KeyScope: String, CaseIterable, Sendable {
  /// Answers, embeddings, tokens, and what clients keep: models, sessions, responses.
  case inference
  /// `/metrics` and `/stats`.
  case metrics
  /// `/cache`
  case cache
  /// Changes of the server itself, as loading and unloading models.
  case admin
}
