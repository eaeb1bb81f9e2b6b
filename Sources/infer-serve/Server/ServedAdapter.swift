import InferText

/// An adapter of one of a server's models, which requests choose by a model's name.
struct ServedAdapter: Sendable {
  /// The adapter's name in its model.
  let adapter: String
  /// The names that requests may call the model with the adapter by: `base:adapter` for each of the model's, and before
  /// them the adapter's own where nothing else has it. The first is the one in responses.
  let names: [String]

  /// The name in responses.
  var name: String { names[0] }
}
