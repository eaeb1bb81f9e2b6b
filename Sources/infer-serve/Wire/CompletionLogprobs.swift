import InferCore
import InferText

/// The object `logprobs` of a completion, which grows with its text.
struct CompletionLogprobs {
  private let names: TokenNames
  /// Most likely tokens wanted beside each token.
  private let count: Int
  private var offsets: TextOffsets
  private var tokens: [JSONValue] = []
  private var chosen: [JSONValue] = []
  private var tops: [JSONValue] = []
  private var places: [JSONValue] = []

  /// An object without tokens.
  init(_ names: TokenNames, count: Int) {
    self.names = names
    self.count = count
    offsets = TextOffsets(names.tokenizer)
  }

  /// Whether there is no token to tell.
  var isEmpty: Bool { tokens.isEmpty }

  /// Takes the prompt, whose first token has no log-probability. Those of the others are to follow.
  mutating func append(_ prompt: EchoedPrompt) {
    offsets.append(prompt)
    guard let first = prompt.tokens.first else { return }
    append(first, nil, at: offsets.ofPromptToken())
  }

  /// Takes scores of the prompt's next tokens.
  mutating func append(_ scores: [PromptTokenScore]) {
    for score in scores { append(score.id, score.logprobs, at: offsets.ofPromptToken()) }
  }

  /// Takes generated tokens. The one that ended the answer is told, though its text is not.
  mutating func append(_ generated: [GeneratedToken]) {
    for token in generated {
      guard let logprobs = token.logprobs else { continue }
      append(token.id, logprobs, at: offsets.append(token))
    }
  }

  private mutating func append(_ id: Int32, _ logprobs: TokenLogprobs?, at offset: Int) {
    tokens.append(.string(names.name(id)))
    chosen.append(logprobs.map { LogprobsFormat.number($0.chosen) } ?? .null)
    tops.append(logprobs.map { names.byName(id, $0, count: count) } ?? .null)
    places.append(.integer(offset))
  }

  /// The object.
  var json: JSONValue {
    .object([
      "tokens": .array(tokens), "token_logprobs": .array(chosen), "top_logprobs": .array(tops),
      "text_offset": .array(places),
    ])
  }

  /// The object with the tokens since the last time; nil when there are none.
  mutating func take() -> JSONValue? {
    guard !isEmpty else { return nil }
    defer { (tokens, chosen, tops, places) = ([], [], [], []) }
    return json
  }
}

/// A prompt that stands before its completion.
struct EchoedPrompt {
  var text: String
  var tokens: [Int32]
}

/// The offset of each token's text in a completion's text, in Unicode scalars, which are what Python and the API
/// call characters. A token that begins within a character has that character's place.
struct TextOffsets {
  private var detokenizer: StreamingDetokenizer
  private let tokenizer: Tokenizer
  private var next = 0
  /// Of the prompt's tokens, the last first.
  private var promptOffsets: [Int] = []

  init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    detokenizer = StreamingDetokenizer(tokenizer)
  }

  /// Takes the prompt: its tokens are found in its text, except for those that stand for none of it.
  mutating func append(_ prompt: EchoedPrompt) {
    let text = Array(prompt.text.unicodeScalars)
    var detokenizer = StreamingDetokenizer(tokenizer, skippingSpecialTokens: false)
    var place = 0
    for id in prompt.tokens {
      promptOffsets.append(place)
      let piece = detokenizer.append(id).unicodeScalars
      // A token that begins or ends every text is in none; normalisation may have changed the others.
      if text[place...].starts(with: piece) || !tokenizer.isSpecial(id) { place = min(place + piece.count, text.count) }
    }
    promptOffsets.reverse()
    next = text.count
  }

  /// The place of the prompt's next token.
  mutating func ofPromptToken() -> Int { promptOffsets.popLast() ?? next }

  /// The place of the next generated token.
  mutating func append(_ token: GeneratedToken) -> Int {
    defer { if !token.isStop { next += detokenizer.append(token.id).unicodeScalars.count } }
    return next
  }
}
