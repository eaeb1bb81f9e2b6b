import InferText
import NIOHTTP1

/// The tokenizer of a server, asked over `/tokenize`.
struct ServerTokenizer: Sendable {
  /// What the request looks like.
  private enum Form: CaseIterable {
    /// `{"prompt": …}`, as vLLM has it.
    case prompt
    /// `{"content": …}`, as llama-server has it.
    case content
  }

  private let client: ReplayClient
  private let model: String
  private var form = Form.prompt

  /// Finds out how the server is asked; `nil` when it cannot be.
  init?(_ client: ReplayClient, model: String) async {
    self.client = client
    self.model = model
    for form in Form.allCases {
      self.form = form
      if let count = await count("the"), count > 0 { return }
    }
    return nil
  }

  /// The tokens of a text, without those that the server adds to a prompt; `nil` when it does not say.
  func count(_ text: String) async -> Int? {
    let body: JSONValue =
      switch form {
      case .prompt: ["model": .string(model), "prompt": .string(text), "add_special_tokens": false]
      case .content: ["content": .string(text), "add_special": false]
      }
    guard let answer = try? await client.ask(.POST, "/tokenize", body), answer.status == 200,
      let json = try? JSONValue(parsing: answer.body)
    else { return nil }
    return json["tokens"]?.array?.count ?? json["count"]?.int
  }

  /// Words with the tokens that each takes behind another; `nil` when the server does not say.
  func wordSupply(seed: UInt64) async -> WordSupply? {
    guard let before = await count("the") else { return nil }
    var words: [(text: String, tokens: Int)] = []
    for word in SyntheticWords.all {
      guard let both = await count("the \(word)") else { return nil }
      // Hostile numbers would never end a text, or begin one.
      if (1...64).contains(both.subtractingReportingOverflow(before).partialValue) {
        words.append((word, both - before))
      }
    }
    return words.isEmpty ? nil : WordSupply(words, seed: seed)
  }
}
