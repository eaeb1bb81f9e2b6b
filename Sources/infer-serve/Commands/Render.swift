import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve render`: the prompt that a chat template makes of a conversation.
struct Render: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Puts a conversation through a chat template and prints the prompt.",
    discussion: """
      Reads one JSON object from standard input: `messages`, and where wanted `tools`, `add_generation_prompt` (true \
      unless given), `now` (as in 2026-01-02T03:04:05, for templates that print the date; a zone may follow), and any \
      other variable of the template, such as `enable_thinking`. With --model, the names of its special tokens \
      (`bos_token`, …) are given too, and messages that its template refuses are joined as `serve` does. Nothing is \
      added to the prompt, not even a line break. With --ids, what is printed is the array of the prompt's tokens.
      """)

  @Option(help: ArgumentHelp("Folder of a model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @Option(help: ArgumentHelp("A file with a chat template.", valueName: "file"), transform: PathArgument.init)
  var template: PathArgument?

  @OptionGroup var replacing: ChatTemplateOptions

  @Flag(help: "Print the tokens that the model's tokenizer makes of the prompt.")
  var ids = false

  private static let needsOne = ValidationError("give one of --model and --template")

  func validate() throws {
    guard (model == nil) != (template == nil) else { throw Self.needsOne }
    for (option, isGiven) in [
      ("ids", ids), ("chat-template", replacing.chatTemplate != nil),
    ] where isGiven && model == nil {
      throw ValidationError("--\(option) needs --model")
    }
    if replacing.allowSpecialInMessages, !ids { throw ValidationError("--allow-special-in-messages needs --ids") }
  }

  func run() throws {
    let (template, tokenizer) = try load()
    let conversation = try Conversation(parsing: InputLines.all())
    let (now, zone) = conversation.now ?? (Date(), .current)
    do {
      let prompt = try template.prompt(
        messages: conversation.messages, tools: conversation.tools,
        addGenerationPrompt: conversation.addsGenerationPrompt, variables: conversation.variables, now: now,
        timeZone: zone)
      guard ids else { return try emit(prompt.text) }
      let tokens = try tokenizer?.encode(prompt, allowingSpecialInMessages: replacing.allowSpecialInMessages) ?? []
      try emit(JSONValue.array(tokens.map { .integer(Int($0)) }).serialized() + "\n")
    } catch let error as TemplateError {
      throw CommandFailure("\(error)")
    }
  }

  private func load() throws -> (ChatTemplate, Tokenizer?) {
    if let path = template {
      guard let data = FileManager.default.contents(atPath: path.description),
        let source = String(validating: data, as: UTF8.self)
      else { throw CommandFailure("\(path) cannot be read as UTF-8 text") }
      do { return (try ChatTemplate(source: source), nil) } catch { throw CommandFailure("\(path): \(error)") }
    }
    guard let path = model else { throw Self.needsOne }
    let text = try ModelText(path.url, chatTemplate: try replacing.replacement())
    guard let template = text.chatTemplate else { throw CommandFailure("\(path) has no chat template") }
    if ids, text.tokenizer == nil { throw CommandFailure("\(path) has no tokenizer, which --ids needs") }
    return (template, text.tokenizer)
  }
}

/// The input of `render`.
struct Conversation {
  var messages: JSONValue
  var tools: JSONValue?
  var addsGenerationPrompt = true
  var now: (Date, TimeZone)?
  /// All other members.
  var variables: JSONObject = [:]

  init(parsing bytes: [UInt8]) throws(CommandFailure) {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      throw CommandFailure("standard input is not valid JSON: \(error)")
    }
    guard let members = json.object else {
      throw CommandFailure("standard input must hold an object with messages, not \(json.kind)")
    }
    guard let messages = members["messages"] else { throw CommandFailure("messages is missing") }
    self.messages = messages
    for (name, value) in members where name != "messages" {
      switch name {
      case "tools": tools = value.isNull ? nil : value
      case "add_generation_prompt":
        guard let flag = value.bool else { throw CommandFailure("\(name) must be true or false, not \(value.kind)") }
        addsGenerationPrompt = flag
      case "now":
        guard let text = value.string, let moment = Self.moment(text) else {
          throw CommandFailure("\(name) must be a time as in 2026-01-02T03:04:05, not \(value.serialized())")
        }
        now = moment
      default: variables[name] = value
      }
    }
  }

  /// An ISO 8601 time and the zone whose clock shows it; without a zone it is the clock itself that counts.
  static func moment(_ text: String) -> (Date, TimeZone)? {
    let pattern = /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))?/
    guard let match = text.wholeMatch(of: pattern),
      let clock = ISO8601DateFormatter().date(from: "\(match.1)T\(match.2)Z")
    else { return nil }
    let minutes = (match.4.flatMap { Int($0) } ?? 0) * 60 + (match.5.flatMap { Int($0) } ?? 0)
    let offset = (match.3 == "-" ? -60 : 60) * minutes
    guard let zone = TimeZone(secondsFromGMT: offset) else { return nil }
    return (clock.addingTimeInterval(-Double(offset)), zone)
  }
}
