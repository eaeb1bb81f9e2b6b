import ArgumentParser
import Foundation
import HybridBlocks
import InferCore

/// `infer-serve render`: the prompt that a chat template makes of a conversation.
struct Render: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Puts a conversation through a chat template and prints the prompt.",
    discussion: """
      Reads one JSON object from standard input: `messages`, and where wanted `tools`, `add_generation_prompt` (true \
      unless given), `now` (as in 2026-01-02T03:04:05, for templates that print the date; a zone may follow), and any \
      other variable of the template, such as `enable_thinking`. With --model, the names of its special tokens \
      (`bos_token`, …) are given too. Nothing is added to the prompt, not even a line break.
      """)

  @Option(help: ArgumentHelp("Folder of a model, or its GGUF file.", valueName: "path"))
  var model: String?

  @Option(help: ArgumentHelp("A file with a chat template.", valueName: "file"))
  var template: String?

  func validate() throws {
    guard (model == nil) != (template == nil) else { throw ValidationError("give one of --model and --template") }
  }

  func run() throws {
    let (template, variables) = try load()
    let conversation = try Conversation(parsing: InputLines.all())
    let (now, zone) = conversation.now ?? (Date(), .current)
    do {
      try emit(
        template.render(
          messages: conversation.messages, tools: conversation.tools,
          addGenerationPrompt: conversation.addsGenerationPrompt,
          variables: variables.merging(conversation.variables) { _, given in given }, now: now, timeZone: zone))
    } catch let error as TemplateError {
      throw CommandFailure("\(error)")
    }
  }

  private func load() throws -> (ChatTemplate, JSONObject) {
    if let path = template {
      guard let data = FileManager.default.contents(atPath: path), let source = String(validating: data, as: UTF8.self)
      else { throw CommandFailure("\(path) cannot be read as UTF-8 text") }
      do { return (try ChatTemplate(source: source), [:]) } catch { throw CommandFailure("\(path): \(error)") }
    }
    let path = model ?? ""
    let text = try ModelText(path: path)
    guard let template = text.chatTemplate else { throw CommandFailure("\(path) has no chat template") }
    return (template, text.tokenizer.map(templateVariables) ?? [:])
  }
}

/// What `render` reads.
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
