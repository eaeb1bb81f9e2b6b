/// Tokens that models of code mark the parts of a text with, to fill a gap in it.
public struct FillInMiddleTokens: Sendable, Equatable {
  /// Before what stands before the gap.
  public var prefix: Int32?
  /// Before what stands behind the gap.
  public var suffix: Int32?
  /// Before what fills the gap.
  public var middle: Int32?
  /// Fills up batches in training.
  public var pad: Int32?
  /// Before the name of a repository.
  public var repository: Int32?
  /// Between files.
  public var separator: Int32?

  /// Whether a gap can be marked.
  public var canFill: Bool { prefix != nil && suffix != nil && middle != nil }

  /// No tokens.
  public init() {}

  /// A token's place in the list.
  package typealias Place = any WritableKeyPath<FillInMiddleTokens, Int32?> & Sendable

  /// How GGUF's metadata call each, in the order of their names' ids: `tokenizer.ggml.fim_pre_token_id`, and older keys.
  package static let keys: [(keys: [String], place: Place)] = [
    (["fim_pre", "prefix"], \.prefix), (["fim_suf", "suffix"], \.suffix), (["fim_mid", "middle"], \.middle),
    (["fim_pad"], \.pad), (["fim_rep"], \.repository), (["fim_sep"], \.separator),
  ]

  /// The tokens' names: of Qwen and others, StarCoder, Granite, DeepSeek, CodeLlama, CodeGeeX.
  static let names: [(names: [String], place: Place)] = [
    (
      ["<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>"],
      \.prefix
    ),
    (
      ["<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>"],
      \.suffix
    ),
    (
      ["<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>"],
      \.middle
    ),
    (["<|fim_pad|>", "<fim_pad>", "<fim-pad>"], \.pad),
    (["<|fim_repo|>", "<|repo_name|>", "<fim_repo>", "<fim-repo>", "<reponame>", "<REPO>"], \.repository),
    (["<|file_sep|>", "<file_sep>"], \.separator),
  ]

  /// The tokens that a vocabulary has by these names.
  init(id: (String) -> Int32?) {
    for (names, place) in Self.names { self[keyPath: place] = names.lazy.compactMap(id).first }
  }

  /// These tokens, and those of another for the parts that these lack.
  func filled(from other: FillInMiddleTokens) -> FillInMiddleTokens {
    var result = self
    for (_, place) in Self.keys { result[keyPath: place] = self[keyPath: place] ?? other[keyPath: place] }
    return result
  }
}
