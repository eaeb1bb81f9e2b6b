import ArgumentParser
import HybridBlocks
import InferCore
import InferKit
import InferText

/// The prompt on the command line, in one of three forms.
struct PromptOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A user's message, put through the model's chat template.", valueName: "text"))
  var chat: String?

  @Option(help: ArgumentHelp("A text to continue.", valueName: "text"))
  var prompt: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Token ids to continue, as in 5,17,9; nothing is added.", valueName: "ids"))
  var tokens: TokenIDs?

  @Option(help: ArgumentHelp("A system message before --chat.", valueName: "text"))
  var system: String?

  @Flag(help: "Have the chat template switch thinking off.")
  var noThinking = false

  @Option(help: ArgumentHelp("More variables for the chat template, as a JSON object.", valueName: "json"))
  var templateKwargs: String?

  @OptionGroup var template: ChatTemplateOptions

  func validate() throws {
    guard [chat != nil, prompt != nil, tokens != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("give one of --chat, --prompt and --tokens")
    }
    for (option, isGiven) in [
      ("system", system != nil), ("no-thinking", noThinking), ("template-kwargs", templateKwargs != nil),
      ("chat-template", template.chatTemplate != nil), ("allow-special-in-messages", template.allowSpecialInMessages),
    ] where isGiven && chat == nil {
      throw ValidationError("--\(option) needs --chat")
    }
    _ = try variables()
  }

  /// The option that gives the prompt.
  var option: String { tokens != nil ? "tokens" : chat != nil ? "chat" : "prompt" }

  /// A prompt ready for the engine.
  struct Resolved {
    var tokens: [Int32]
    /// The rendered template; nil unless the prompt is a chat.
    var chat: String?
  }

  /// The prompt's tokens for a model.
  func resolve(_ loaded: LoadedModel) throws -> Resolved {
    if let tokens { return Resolved(tokens: tokens.ids) }
    guard let tokenizer = loaded.tokenizer else {
      throw CommandFailure("the model has no tokenizer; use --tokens")
    }
    if let prompt { return Resolved(tokens: try tokenizer.encode(prompt, addingSpecialTokens: true)) }
    guard let chatTemplate = loaded.chatTemplate else {
      throw CommandFailure("the model has no chat template; use --prompt")
    }
    var messages: [JSONValue] = []
    if let system { messages.append(Message(.system, system).json) }
    messages.append(Message(.user, chat ?? "").json)
    let prompt = try chatTemplate.prompt(messages: .array(messages), variables: try variables())
    let tokens = try tokenizer.encode(prompt, allowingSpecialInMessages: template.allowSpecialInMessages)
    return Resolved(tokens: tokens, chat: prompt.text)
  }

  private func variables() throws -> JSONObject {
    var variables: JSONObject = noThinking ? ["enable_thinking": false] : [:]
    guard let templateKwargs else { return variables }
    do {
      guard let members = try JSONValue(parsing: templateKwargs).object else {
        throw ValidationError("--template-kwargs must be a JSON object")
      }
      for (name, value) in members {
        guard !ChatTemplate.ownVariables.contains(name) else {
          throw ValidationError("--template-kwargs cannot give \(name), which the conversation itself gives")
        }
        variables[name] = value
      }
    } catch let error as JSONError {
      throw ValidationError("--template-kwargs is not valid JSON: \(error)")
    }
    return variables
  }
}
