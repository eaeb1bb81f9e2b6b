/// A tokenizer as a flat list of tokens with properties, which is how GGUF and SentencePiece files tell it.
///
/// From the metadata of a GGUF file: `tokenizer.ggml.tokens`, `.scores` and `.token_type` are ``tokens``, ``scores`` and
/// ``types``; `tokenizer.ggml.model` is the ``algorithm``: `gpt2`, and `gemma4` and `whitespace` with their own names as splitting, is ``Algorithm/byteLevel(merges:splitting:)`` with
/// `.merges` and `.pre`, `llama` is ``Algorithm/bytePair``, `t5` is ``Algorithm/unigram``, `rwkv` is ``Algorithm/longestMatch`` and
/// `plamo2` is ``Algorithm/leastCost``; `.bos_token_id` and its
/// like are ``bos`` and its like; `.add_bos_token`, `.add_eos_token`, `.add_space_prefix`, `.remove_extra_whitespaces`
/// and `.precompiled_charsmap` override what is usual for the algorithm.
package struct TokenList: Sendable {
  /// How pieces of text become tokens.
  package enum Algorithm: Sendable, Equatable {
    /// Byte pairs over bytes that are spelled in GPT-2's alphabet (`Ġthe`). `merges` are two tokens with a space
    /// between them, the first learned first. `splitting` names how a text is cut into words, as `tokenizer.ggml.pre`.
    case byteLevel(merges: [String], splitting: String)
    /// SentencePiece's byte pairs: of two neighbours that together are a token, those of the best score join first.
    case bytePair
    /// SentencePiece's unigram language model: scores are logarithms of probabilities.
    case unigram
    /// RWKV's longest matches: tokens are spelled with escapes, as `\\xff`.
    case longestMatch
    /// PLaMo 2's cheapest way: scores are negated costs.
    case leastCost

    /// The name in `tokenizer.ggml.model`.
    package var name: String {
      switch self {
      case .byteLevel(_, let splitting): ["gemma4", "whitespace"].first { splitting.isExactly($0) } ?? "gpt2"
      case .bytePair: "llama"
      case .unigram: "t5"
      case .longestMatch: "rwkv"
      case .leastCost: "plamo2"
      }
    }

    /// The name of the way to cut a text into words, as in `tokenizer.ggml.pre`, where that is told.
    package var splitting: String? {
      if case .byteLevel(_, let splitting) = self { splitting } else { nil }
    }
  }

  /// The purpose of a token, numbered as in both kinds of files.
  package enum TokenType: Int32, Sendable {
    /// A part of text.
    case normal = 1
    /// Stands for text that no token covers.
    case unknown
    /// Marks structure, such as the end of a turn.
    case control
    /// A text that is always a token by itself.
    case userDefined
    /// Never comes up.
    case unused
    /// A byte, spelled `<0x0A>`.
    case byte
  }

  /// How pieces of text become tokens.
  package var algorithm: Algorithm
  /// Each token's spelling, by id.
  package var tokens: [String]
  /// Each token's score, by id; byte-level lists need none.
  package var scores: [Float]
  /// The purpose of each token, by id; empty when all are normal.
  package var types: [Int32]
  /// The token that begins a text.
  package var bos: Int32?
  /// The token that ends a text.
  package var eos: Int32?
  /// The token that ends an answer, where that is another than ``eos``; only told, for those who read the list.
  package var eot: Int32?
  /// The token that ends a message which expects another of the same answer; only told.
  package var eom: Int32?
  /// The token that fills batches.
  package var pad: Int32?
  /// Tokens for texts with a gap to be filled; those that are not told are known by their names.
  package var fillInMiddle = FillInMiddleTokens()
  /// Whether to begin a text with ``bos``, where special tokens are asked for; nil for what is usual.
  package var addsBOS: Bool?
  /// Whether to end a text with ``eos``, where special tokens are asked for; nil for not.
  package var addsEOS: Bool?
  /// Whether SentencePiece puts a space before a text.
  package var addsSpacePrefix = true
  /// Whether it does so behind added tokens too.
  package var addsSpacePrefixEverywhere = true
  /// Whether SentencePiece trims and merges spaces; nil for what is usual.
  package var removesExtraSpaces: Bool?
  /// SentencePiece's table of replacements; empty without one.
  package var characterMap: [UInt8] = []

  /// - Parameters:
  ///   - algorithm: How pieces of text become tokens.
  ///   - tokens: Each token's spelling, by id.
  ///   - scores: Each token's score, by id; byte-level lists need none.
  ///   - types: What each token is for (``TokenType``), by id; empty when all are normal.
  package init(algorithm: Algorithm, tokens: [String], scores: [Float] = [], types: [Int32] = []) {
    self.algorithm = algorithm
    self.tokens = tokens
    self.scores = scores
    self.types = types
  }

  /// ``fillInMiddle``, and by their names the tokens that it lacks. O(tokens).
  package var fillInMiddleByName: FillInMiddleTokens {
    var ids: TextDictionary<Int32> = [:]
    for (id, token) in tokens.enumerated() where KnownMarkers.marksGap(token) && !ids.contains(key: token) {
      ids[token] = Int32(id)
    }
    return fillInMiddle.filled(from: FillInMiddleTokens { ids[$0] })
  }

  /// Makes control tokens of those that are structure by their names, or that are told to end texts or to mark gaps, where
  /// the list takes them for text: they would not be found whole, and would be printed. As llama.cpp does.
  package mutating func recogniseMarkers() {
    guard types.isEmpty || types.count == tokens.count else { return }
    var told = Set([eos, eot, eom].compactMap(\.self))
    for (_, place) in FillInMiddleTokens.keys { if let id = fillInMiddle[keyPath: place] { told.insert(id) } }
    for (id, token) in tokens.enumerated() {
      guard type(of: id) == .normal || type(of: id) == .userDefined else { continue }
      guard KnownMarkers.isStructure(token) || told.contains(Int32(id)) && KnownMarkers.looksMadeUp(token) else {
        continue
      }
      if types.isEmpty { types = Array(repeating: TokenType.normal.rawValue, count: tokens.count) }
      types[id] = TokenType.control.rawValue
    }
  }

  func type(of id: Int) -> TokenType { types.isEmpty ? .normal : TokenType(rawValue: types[id]) ?? .normal }
}

extension Tokenizer {
  /// Builds a tokenizer from a list of tokens, such as the metadata of a GGUF file holds.
  ///
  /// Ids, counts and scores that contradict each other, merges of missing tokens and unknown names of splitting
  /// patterns are errors that name the place by the metadata's names.
  ///
  /// - Parameters:
  ///   - list: The tokens.
  /// - Throws: ``TokenizerError``.
  /// - Complexity: O(total length of the tokens), times the longest token for `TokenList.Algorithm.bytePair`.
  package init(_ list: TokenList) throws(TokenizerError) { try self.init(try TokenizerParts(list)) }
}
